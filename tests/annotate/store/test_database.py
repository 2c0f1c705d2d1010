"""Opening a database: its versions, its settings, and one line for each thing that can be wrong with it."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

import mavfer
from mavfer.annotate.store import tables
from mavfer.annotate.store.database import open_database
from mavfer.annotate.store.migrate import SCRIPTS, migrate
from mavfer.annotate.store.records import Unavailable
from mavfer.annotate.store.store import Store
from mavfer.annotate.study.study import StudyConfig, new_id, new_study
from mavfer.errors import StudyError

KEY = bytes(32)
MAVFER = Path(mavfer.__file__).parent
ID = "0123456789abcdef"
NEXT = '''"""A version that no mavfer has."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    with op.batch_alter_table("raters") as raters:
        raters.add_column(sa.Column("note", sa.Text))
    {after}
'''


@pytest.fixture
def next_scripts(tmp_path):
    """Return a function that makes a folder of migrations with one more than mavfer has."""

    def make(after: str = "pass") -> Path:
        folder = tmp_path / "migrations %d"  # a per cent sign means something to Alembic
        shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        (folder / "versions" / "0002_next.py").write_text(NEXT.format(after=after), encoding="utf-8")
        return folder

    return make


def open_and_count(url: str) -> int:
    with Store(url, study_id=ID, key=KEY) as store:
        return store.sizes().n_raters


def test_the_migrations_make_the_tables_that_the_code_knows(database_url):
    database = open_database(database_url, study_id=ID, now_ms=0)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
    with database.reading() as connection:
        if database.is_sqlite:
            made = "SELECT sql FROM sqlite_master WHERE name = :name"
        else:
            made = "SELECT indexdef FROM pg_indexes WHERE indexname = :name"
        index = connection.execute(text(made), {"name": "one_take_at_a_time"}).scalar_one()
        assert "discarded" in index
        assert connection.execute(text(made), {"name": "takes_of_an_assignment"}).scalar_one()
    database.close()


def test_processes_that_open_an_empty_database_at_once_all_succeed(database_url):
    program = (
        "import sys; from mavfer.annotate.store.store import Store; print('ready', flush=True); input(); "
        "Store(sys.argv[1], study_id=sys.argv[2], key=bytes(32)).close()"
    )
    command = [sys.executable, "-c", program, database_url, ID]
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=MAVFER.parent)
        for _ in range(6)
    ]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[1] for process in started] == [""] * 6
    assert [process.returncode for process in started] == [0] * 6
    assert open_and_count(database_url) == 0


def test_threads_that_open_an_empty_database_at_once_all_succeed(database_url):
    got: list[int] = []
    threads = [threading.Thread(target=lambda: got.append(open_and_count(database_url))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [0] * 6


def test_an_older_database_is_upgraded_and_keeps_what_it_holds(database_url, next_scripts, tmp_path):
    with Store(database_url, study_id=ID, key=KEY) as store:
        rater = store.add_rater("anna", team=1)
    database = open_database(database_url, study_id=ID, now_ms=0)
    migrate(database, scripts=next_scripts())
    migrate(database, scripts=next_scripts())
    with database.reading() as connection:
        row = connection.execute(text("SELECT name, note FROM raters")).one()
        assert tuple(row) == (rater.name, None)
    database.close()
    copies = sorted(path.name for path in tmp_path.glob("*.before-*"))
    assert copies == (["study.sqlite.before-upgrade-from-0001"] if database.is_sqlite else [])
    for name in copies:
        with Store(f"sqlite:///{tmp_path / name}", study_id=ID, key=KEY) as store:
            assert store.raters() == (rater,)


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(database_url, next_scripts):
    with Store(database_url, study_id=ID, key=KEY) as store:
        rater = store.add_rater("anna", team=1)
    database = open_database(database_url, study_id=ID, now_ms=0)
    with pytest.raises(StudyError, match="nonsense"):
        migrate(database, scripts=next_scripts('op.execute("nonsense")'))
    database.close()
    with Store(database_url, study_id=ID, key=KEY) as store:
        assert store.raters() == (rater,)
        assert store.sizes().version == "0001"


def test_a_database_of_a_newer_version_is_refused_and_not_touched(database_url, next_scripts):
    database = open_database(database_url, study_id=ID, now_ms=0)
    migrate(database, scripts=next_scripts())
    database.close()
    with pytest.raises(StudyError, match="is of version 0002, this mavfer knows 0001; update mavfer"):
        Store(database_url, study_id=ID, key=KEY)


def test_the_database_of_another_study_is_refused(database_url):
    Store(database_url, study_id=ID, key=KEY).close()
    with pytest.raises(StudyError, match=f"wanted the database of study f{ID[1:]}, found that of study {ID}"):
        Store(database_url, study_id="f" + ID[1:], key=KEY)


def test_the_database_of_another_program_is_refused_and_not_touched(database_url):
    database = open_database(database_url, study_id=ID, now_ms=0)
    with database.writing() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(text(f"DROP TABLE {table.name}"))
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(text("CREATE TABLE cats (name TEXT)"))
    database.close()
    with pytest.raises(StudyError, match="one with the table 'cats' of another program"):
        Store(database_url, study_id=ID, key=KEY)


def test_sqlite_waits_for_the_disk_and_checks_what_refers_to_what(tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'study.sqlite'}", study_id=ID, now_ms=0)
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 15_000}
    with database.reading() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
    database.close()
    assert found == wanted


def test_postgresql_waits_for_the_disk_whatever_its_default_is(cluster, postgresql_url):
    cluster.run(f"ALTER DATABASE {postgresql_url.rpartition('/')[2]} SET synchronous_commit = off")
    database = open_database(postgresql_url, study_id=ID, now_ms=0)
    with database.reading() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    database.close()


@pytest.mark.parametrize("name", ["a b", "50%41", "a#b?c", "Zoë", "a&b=c", "a:b@c"])
def test_a_folder_may_have_any_name(tmp_path, next_scripts, name):
    folder = tmp_path / name
    url = new_study(folder, StudyConfig(id=ID, title="A study")).database_url
    assert open_and_count(url) == 0
    database = open_database(url, study_id=ID, now_ms=0)
    migrate(database, scripts=next_scripts())
    database.close()
    found = sorted(path.name for path in folder.glob("*.sqlite*"))
    assert found == ["study.sqlite", "study.sqlite.before-upgrade-from-0001"]


def test_an_sqlite_file_can_be_copied_alone_after_closing(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'study.sqlite'}", study_id=ID, key=KEY) as store:
        rater = store.add_rater("anna", team=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.sqlite"]
    moved = tmp_path / "moved.sqlite"
    shutil.copy(tmp_path / "study.sqlite", moved)
    with Store(f"sqlite:///{moved}", study_id=ID, key=KEY) as store:
        assert store.raters() == (rater,)


def test_a_file_of_another_kind_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "study.sqlite"
    path.write_text("a letter to my aunt" * 100, encoding="utf-8")
    with pytest.raises(StudyError, match=f"it is a file of another kind.*: {path}$"):
        Store(f"sqlite:///{path}", study_id=ID, key=KEY)
    assert path.read_text(encoding="utf-8") == "a letter to my aunt" * 100


def test_a_damaged_database_is_refused(tmp_path):
    path = tmp_path / "study.sqlite"
    Store(f"sqlite:///{path}", study_id=ID, key=KEY).close()
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)
    with pytest.raises(StudyError, match="it is damaged; bring back a copy"):
        Store(f"sqlite:///{path}", study_id=ID, key=KEY)


@pytest.mark.parametrize("where", ["/proc/study.sqlite", "missing/study.sqlite"])
def test_a_folder_that_is_missing_or_may_not_be_written_is_named(tmp_path, where):
    with pytest.raises(StudyError, match="its folder is missing, or may not be written"):
        Store(f"sqlite:///{tmp_path / where}", study_id=ID, key=KEY)


def test_a_file_that_may_not_be_written_is_named(tmp_path):
    path = tmp_path / "study.sqlite"
    Store(f"sqlite:///{path}", study_id=ID, key=KEY).close()
    with pytest.raises(StudyError, match="it may not be written"):
        Store(f"sqlite:///file:{path}?mode=ro&uri=true", study_id=ID, key=KEY)


def test_a_database_that_another_process_holds_is_unavailable_for_now(tmp_path, monkeypatch):
    monkeypatch.setattr("mavfer.annotate.store.database.BUSY_S", 0.05)
    path = tmp_path / "study.sqlite"
    with Store(f"sqlite:///{path}", study_id=ID, key=KEY) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="another process has held it"):
                store.add_rater("anna", team=1)
            assert store.raters() == ()
        store.add_rater("anna", team=1)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "study.sqlite",
        "mysql://u:hunter2@h/d",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://u:hunter2@h:x/d",
    ],
)
def test_what_is_no_url_of_a_database_is_refused(url):
    with pytest.raises(StudyError, match="wanted a database") as error:
        Store(url, study_id=ID, key=KEY)
    assert "hunter2" not in str(error.value)


def test_a_postgresql_that_cannot_be_used_is_one_line_without_the_password(cluster):
    wrong = "hunter2"
    ours = cluster.url("postgres")
    host = f"127.0.0.1:{cluster.port}"
    cases = {
        ours.replace(cluster.password, wrong): "refuses the user name or the password",
        ours.replace("postgres:", "nobody:", 1): "refuses the user name or the password",
        ours.replace(f"{cluster.password}@", wrong + "%40%3A@"): "refuses the user name or the password",
        cluster.url("missing"): "the server has no database of that name; run `createdb` first",
        ours.replace(host, "127.0.0.1:1"): "no server answers; start it, or correct host and port",
        ours.replace(host, "no-such-host.invalid"): "there is no host of that name",
        f"postgresql:///x?host=/nowhere&user=u&password={wrong}": "correct the folder of its socket",
        f"postgresql://postgres@{host}/postgres": "the server wants a password",
    }
    for url, reason in cases.items():
        with pytest.raises(StudyError) as error:
            Store(url, study_id=ID, key=KEY)
        message = str(error.value)
        assert reason in message
        assert "\n" not in message
        assert message.rpartition(": ")[2].startswith("postgresql://")
        assert wrong not in message
        assert cluster.password not in message
        assert error.value.__cause__ is None
        assert error.value.__suppress_context__


def test_a_user_who_may_not_make_tables_is_told(cluster, postgresql_url):
    name = postgresql_url.rpartition("/")[2]
    user = f"u{new_id()}"
    cluster.run(f"CREATE ROLE {user} LOGIN PASSWORD 'hunter2'")
    url = f"postgresql://{user}:hunter2@127.0.0.1:{cluster.port}/{name}"
    with pytest.raises(StudyError, match="the user may not make tables in it"):
        Store(url, study_id=ID, key=KEY)
    cluster.run(f"DROP ROLE {user}")


def test_a_postgresql_that_ends_the_connection_is_unavailable_once(cluster, postgresql_url):
    with Store(postgresql_url, study_id=ID, key=KEY) as store:
        name = postgresql_url.rpartition("/")[2]
        cluster.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        assert store.add_rater("anna", team=1).name == "anna"
