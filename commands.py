"""What mavfer can do, as tables: every command, where it lives, and its line in `mavfer --help`.

Nothing is imported here, so that help and version appear at once; `command_line.py` makes a command line of
them.
"""

COMMANDS = {
    "demo": ("demo.commands", "demo"),
    "doctor": ("doctor.commands", "doctor"),
    "rig new": ("capture.commands.rig", "rig_new"),
    "rig check": ("capture.commands.rig", "rig_check"),
    "rig stop": ("capture.commands.rig", "rig_stop"),
    "keys new": ("capture.commands.keys", "keys_new"),
    "gentl build": ("capture.commands.gentl", "gentl_build"),
    "gentl list": ("capture.commands.gentl", "gentl_list"),
    "protocol new": ("capture.commands.marks", "protocol_new"),
    "record": ("capture.commands.operating", "record"),
    "operate": ("capture.commands.operating", "operate"),
    "recorder": ("capture.commands.operating", "recorder"),
    "mark": ("capture.commands.marks", "mark"),
    "next-step": ("capture.commands.marks", "next_step"),
    "stop": ("capture.commands.marks", "stop"),
    "collect": ("capture.commands.collect", "collect"),
    "recover": ("capture.commands.sessions", "recover"),
    "simulate-a65": ("capture.commands.simulate", "simulate_a65"),
    "view": ("view.commands", "view"),
    "sheet": ("view.commands", "sheet"),
    "check-session": ("capture.commands.sessions", "check_session"),
    "export": ("capture.commands.export", "export"),
    "import-video": ("capture.commands.sessions", "import_video"),
    "board print": ("calibrate.commands.board", "board_print"),
    "calibrate solve": ("calibrate.commands.solve", "calibrate"),
    "calibrate verify": ("calibrate.commands.verify", "verify"),
    "calibrate live": ("calibrate.commands.live", "live"),
    "calibrate show": ("calibrate.commands.show", "show"),
    "calibrate import": ("calibrate.commands.exchange", "import_calibration"),
    "calibrate export": ("calibrate.commands.exchange", "export_calibration"),
    "study new": ("annotate.commands.study", "new"),
    "study add": ("annotate.commands.study", "add"),
    "study invite": ("annotate.commands.study_invite", "invite"),
    "study leave": ("annotate.commands.study", "leave"),
    "study again": ("annotate.commands.study", "again"),
    "study status": ("annotate.commands.study", "status"),
    "study key": ("annotate.commands.study", "key"),
    "annotate": ("annotate.commands.annotate", "annotate"),
    "traces export": ("annotate.commands.traces", "export"),
    "traces import": ("annotate.commands.traces", "bring_in"),
    "traces check": ("annotate.commands.traces", "check"),
    "labels fuse": ("annotate.commands.labels", "fuse"),
    "labels agree": ("annotate.commands.agree", "agree"),
    "simulate-raters": ("annotate.commands.simulate", "simulate_raters"),
    "build-dataset": ("preprocess.commands.build", "build_dataset"),
    "dataset split": ("preprocess.commands.split", "split"),
    "dataset view": ("preprocess.commands.view", "view"),
    "dataset report": ("preprocess.commands.report", "report"),
    "dataset check": ("preprocess.commands.dataset", "check"),
    "dataset info": ("preprocess.commands.dataset", "info"),
    "dataset merge": ("preprocess.commands.dataset", "merge"),
    "dataset export": ("preprocess.commands.dataset", "export"),
    "import carma": ("annotate.commands.importers", "carma"),
    "import darma": ("annotate.commands.importers", "darma"),
    "import nova": ("annotate.commands.importers", "nova"),
    "import recola": ("preprocess.commands.adapters", "recola"),
    "import sewa": ("preprocess.commands.adapters", "sewa"),
    "import afew-va": ("preprocess.commands.adapters", "afew_va"),
    "import video-csv": ("preprocess.commands.adapters", "video_csv"),
    "pretrain": ("model.commands.pretrain", "pretrain"),
    "train": ("model.commands.train", "train"),
    "fine-tune": ("model.commands.fine_tune", "fine_tune"),
    "features": ("model.commands.features", "features"),
    "evaluate": ("model.commands.evaluate", "evaluate"),
    "evaluate-groups": ("model.commands.evaluate_groups", "evaluate_groups"),
    "compare": ("model.commands.compare", "compare"),
    "fuse-runs": ("model.commands.fuse_runs", "fuse_runs"),
    "tables": ("model.commands.tables", "tables"),
    "explain": ("model.commands.explain", "explain"),
    "model-card": ("model.commands.model_card", "model_card"),
    "predict": ("model.commands.predict", "predict"),
    "export-model": ("model.commands.export", "export_model"),
    "forget": ("privacy.commands", "forget"),
}
"""Words of a command -> its module and the function in it, whose docstring is the command's help."""

SUMMARIES = {
    "demo": (
        "Walk the whole road on the simulated rig: record, calibrate, rate, build, train, evaluate, report."
    ),
    "doctor": (
        "Tell what this machine has of what mavfer wants, and the command that mends it; exit 1 where one"
        " fails."
    ),
    "rig new": "Write a commented rig file that needs no hardware.",
    "rig check": (
        "Find every recorder of a rig; print camera, disk, clock, software; exit 1 where one cannot record."
    ),
    "rig stop": (
        "End the takes that waiting recorders still carry out for a master that is gone; their files are "
        "closed."
    ),
    "keys new": "Make a key pair for the master and one for each recorder; nobody else can then join a take.",
    "gentl build": (
        "Compile the project's own GenTL producer for Linux, where no vendor's is at hand; print its path."
    ),
    "gentl list": (
        "List the GenICam cameras that a producer finds: serial number (for the rig file), model, who has it."
    ),
    "protocol new": (
        "Write a commented protocol file: ten minutes of relaxing video, five minutes of interview."
    ),
    "record": "Record a session: find the rig's recorders, send them one plan, watch, and close the files.",
    "operate": (
        "Record take after take from the operator's page, into FOLDER/SUBJECT-001 and so on, until Ctrl-C."
    ),
    "recorder": (
        "Be one recorder of a rig on a sensor machine: wait for masters and record their plans, until Ctrl-C."
    ),
    "mark": "Name this moment in the take that runs on this machine; exit 0 means that it is recorded.",
    "next-step": "Go on to the protocol's next step in the take that runs on this machine.",
    "stop": "End the take that runs on this machine in order, and wait until its files are closed.",
    "collect": "Bring the files of a session that waiting recorders have on their machines into its folder.",
    "recover": (
        "Mend a session after a crash: keep every complete message, rebuild the index, say what was lost."
    ),
    "simulate-a65": (
        "Put a simulated FLIR A65 on the wire: GigE Vision over UDP, for GenICam programs on this machine."
    ),
    "view": (
        "Look at a session, a dataset or a run in a browser, on this machine alone; Ctrl-C ends the page."
    ),
    "sheet": "Draw sessions, datasets and runs as one contact sheet, readable by itself.",
    "check-session": (
        "Print streams, gaps, skew and clocks of sessions; exit 1 where something is missing or damaged."
    ),
    "export": "Write a session, or a stretch of it, as videos, pictures, a Rerun recording or numpy arrays.",
    "import-video": "Make a color-only session of a video; its frames keep their own time stamps.",
    "board print": (
        "Draw a calibration board true to scale, with a ruler to check the print and instructions."
    ),
    "calibrate solve": "Solve the rig's geometry from recorded board sessions.",
    "calibrate verify": (
        "Say whether a recording still fits the rig's calibration, or the rig was knocked since."
    ),
    "calibrate live": (
        "Record a board session while the page says what each camera still has to see, and solve it."
    ),
    "calibrate show": (
        "Draw a calibration as one page: residuals, coverage, the rig in space, how certain a face is placed."
    ),
    "calibrate import": "Make a calibration file of what another program, or the factory, has measured.",
    "calibrate export": "Write a calibration as the files that OpenCV, ROS or iai_kinect2 read.",
    "study new": (
        "Make a study: films prepared, raters in teams, every session assigned, in an order of each "
        "rater's own."
    ),
    "study add": "Add sessions to be rated, or a rater; what is assigned already stays as it is.",
    "study invite": (
        "Print a rater's one-time link, or a CSV of rater,link for all; older unused links are void then."
    ),
    "study leave": (
        "Let a rater leave: logins end, what is not complete goes to others of the team, ratings stay."
    ),
    "study again": (
        "Let a rater rate a session anew; what was given stays in the database and counts no more."
    ),
    "study status": "Show how far everyone is, what is left, and who should be reminded.",
    "study key": (
        "Make a new key where the study's key is lost; all links and logins are void then, ratings stay."
    ),
    "annotate": "Serve a study: raters rate in their browsers, its owner sees how far everyone is.",
    "traces export": (
        "Write the ratings of a study as traces (CSV + JSON), ready for `labels fuse` and `build-dataset`."
    ),
    "traces import": (
        "Bring traces into a folder of traces, with their headers and events; all are checked before any is."
    ),
    "traces check": (
        "Look over a folder of traces: whether each can be read, and its events are the ones it was made of."
    ),
    "labels fuse": "Make one gold standard of the raters' traces, per session and dimension.",
    "labels agree": "Say how well raters agree: % positive, MSE, CC, CCC, alpha, ICC, and who stands out.",
    "simulate-raters": "Rate simulated sessions with simulated raters: late, biased, noisy, with gaps.",
    "build-dataset": "Build a dataset of aligned, labelled faces from recorded sessions.",
    "dataset split": (
        "Divide a dataset another way: whole subjects, never a subject in two; nothing is built again."
    ),
    "dataset view": "Look at a dataset's clips, row by row: all streams, labels, and why a row is not valid.",
    "dataset report": (
        "Write a dataset's report again: what came out, why frames are missing, labels, faces, pictures."
    ),
    "dataset check": "Read all of a dataset and name every problem; exits 1 where there is one.",
    "dataset info": (
        "Tell what is in a dataset: sessions, subjects, modalities, labels, splits, and how it was made."
    ),
    "dataset merge": (
        "Make one dataset of several that were built with one configuration; nothing is built again."
    ),
    "dataset export": "Write a dataset for other programs.",
    "import carma": "Import ratings of CARMA (CSV).",
    "import darma": "Import ratings of DARMA (CSV): two traces of each file.",
    "import nova": (
        "Import continuous annotations of NOVA: NAME.annotation with NAME.annotation~, or CSV with --scale."
    ),
    "import recola": (
        "Import RECOLA, as its authors or as the AVEC challenges of 2015, 2016 and 2018 give it."
    ),
    "import sewa": "Import SEWA, as its database or as the AVEC challenges of 2017 to 2019 give it.",
    "import afew-va": "Import AFEW-VA: clips of films as pictures, rated picture by picture.",
    "import video-csv": "Import videos with tables of valence and arousal beside them.",
    "pretrain": "Let the transformer guess hidden parts of the training subjects' clips; no label is read.",
    "train": (
        "Train a network on a dataset's training subjects; the best epoch on its validation subjects is kept."
    ),
    "fine-tune": "Train a run on, once for each group of its training subjects, from its weights.",
    "features": (
        "Write per-frame features of a dataset: what networks of features, such as muse, are trained on."
    ),
    "evaluate": (
        "Score runs by RMSE, CC and CCC, raw and post-processed, beside a constant; write "
        "RUN/evaluation.json."
    ),
    "evaluate-groups": (
        "Score the networks by group beside the one that they started from; write evaluation-groups.json."
    ),
    "compare": (
        "Say whether the first system is better than the others: bootstrap and permutation by subject."
    ),
    "fuse-runs": (
        "Score the joined predictions of several runs on the test subjects; weights are validation's."
    ),
    "tables": (
        "Train and evaluate what the paper's tables and figures want; write CSV files and OUT/index.html."
    ),
    "explain": (
        "Say where a run looks, whether it goes by that, how well it is calibrated, and for whom it errs."
    ),
    "model-card": "Write a run's model card again, with its scores where it has been evaluated.",
    "predict": "Say what a run sees: valence and arousal of every row of a recording, or live.",
    "export-model": (
        "Write a run's network for other programs, checked against the run on clips of its dataset."
    ),
    "forget": (
        "Remove a subject everywhere in some folders: sessions, ratings, films, datasets, what runs hold."
    ),
}
"""Words of a command -> the first sentence of its function's docstring; a test holds them equal."""

GROUPS = {
    "rig": "The rig file: which cameras stand where, and how they are recorded.",
    "keys": "The lab's keys: who may take part in a take over the network.",
    "gentl": "GenTL producers (.cti), through which GenICam cameras are reached.",
    "protocol": "The protocol file: what a lab says once for a study.",
    "board": "Calibration boards: printed true to scale.",
    "calibrate": "The rig's geometry: solved (`mavfer calibrate BOARD_SESSION`), shown, checked.",
    "study": "A rating study: its films, its raters, who rates what, how far everyone is.",
    "traces": "Raters' traces: out of a study, looked over, brought together.",
    "labels": "Raters' traces: how well they agree, and the gold standard made of them.",
    "dataset": "Datasets: checked, described, joined, split, exported, looked at.",
    "import": "Other people's recordings and ratings as sessions and traces.",
}
"""What the commands that begin with one word have in common."""

STAGES = {
    "Begin": ("demo", "doctor"),
    "Record": (
        *("rig", "keys", "gentl", "protocol", "record", "operate", "recorder", "mark", "next-step", "stop"),
        *("collect", "recover", "simulate-a65"),
    ),
    "Look and check": ("view", "sheet", "check-session", "export", "import-video"),
    "Calibrate": ("board", "calibrate"),
    "Rate": ("study", "annotate", "traces", "labels", "simulate-raters"),
    "Build a dataset": ("build-dataset", "dataset", "import"),
    "Train and compare": (
        *("pretrain", "train", "fine-tune", "features", "evaluate", "evaluate-groups", "compare"),
        *("fuse-runs", "tables", "explain", "model-card"),
    ),
    "Use a network": ("predict", "export-model"),
    "Take a person out": ("forget",),
}
"""The headings of `mavfer --help`, in the order of the road, and what stands under each."""

DEFAULTS = {"calibrate": "solve"}
"""The command of a group that is meant where none is named: `mavfer calibrate SESSION` solves."""

EPILOG = (
    "Exit status: 0 done, 1 failed or something is wrong, 2 misused, 130 interrupted, 141 cut off: nobody "
    "reads stdout any more.\n\n"
    "Results are on stdout; progress, warnings and errors on stderr, without bars and colors where it is no "
    "terminal. --no-color, anywhere, or NO_COLOR in the environment turns colors off. --json, where a "
    "command has it, prints one JSON object on stdout, and nothing else."
)
