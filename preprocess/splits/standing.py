"""What becomes of a dataset's splits when it is built again: a split that still knows everybody stays.

A network that was trained on one split must not meet its own subjects when it is tested after the next
build, so a split is never drawn anew where it can stay, and where it cannot this is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..dataset.record import DEFAULT_SPLIT, SessionRecord, Split, SplitScheme

ASKED = "how is given with this build"


def splits_after(
    standing: Sequence[SplitScheme],
    built: Sequence[SessionRecord],
    *,
    draw: Callable[[], SplitScheme],
    asked: bool,
    remarks: list[str],
) -> tuple[SplitScheme, ...]:
    """Return the splits of a dataset that replaces one with the splits `standing`, the default among them.

    Parameters
    ----------
    standing : none where no dataset stood there
    built : the sessions that are in the new dataset
    draw : draws the default split of these
    asked : whether the user said how the default split is drawn
    remarks : gets a line for each split that is dropped, or drawn anew and thereby another, or that keeps
        nobody in one of its parts
    """
    fitted = {}
    missing = {}
    for scheme in standing:
        why = _does_not_know(scheme, built)
        if why is None:
            fitted[scheme.name] = _completed(scheme, built)
        else:
            missing[scheme.name] = why
    old = next((scheme for scheme in standing if scheme.name == DEFAULT_SPLIT), None)
    drawn_anew = asked or DEFAULT_SPLIT not in fitted
    if drawn_anew:
        fitted[DEFAULT_SPLIT] = draw()
        if old is not None:
            remarks += _on_the_new_draw(old, fitted[DEFAULT_SPLIT], missing.get(DEFAULT_SPLIT), built)
    splits = []
    for name in dict.fromkeys([DEFAULT_SPLIT, *(scheme.name for scheme in standing)]):
        if name not in fitted:
            remarks.append(
                f"split {name!r} is dropped: {missing[name]}; make another with `mavfer dataset split`"
            )
            continue
        splits.append(fitted[name])
        if fitted[name].by != "time" and not (drawn_anew and name == DEFAULT_SPLIT):
            remarks += _on_empty_parts(fitted[name], built)
    return tuple(splits)


def _places(scheme: SplitScheme) -> dict[str, Split] | dict[str, int]:
    return scheme.folds if scheme.by == "fold" else scheme.subjects


def _does_not_know(scheme: SplitScheme, built: Sequence[SessionRecord]) -> str | None:
    """Return whom or what a split does not know; None where it knows all that was built."""
    if scheme.by == "time":
        for entry in built:
            parts = sorted(scheme.parts.get(entry.id, ()), key=lambda part: part.start)
            if not parts:
                return f"it does not know session {entry.id!r}"
            if parts[-1].stop != entry.n_frames:
                return f"it parts {parts[-1].stop} frames of session {entry.id!r}, which has {entry.n_frames}"
        return None
    known = {subject.casefold() for subject in _places(scheme)}
    for entry in built:
        if entry.subject.casefold() not in known:
            return f"it does not know subject {entry.subject!r}"
    return None


def _completed(scheme: SplitScheme, built: Sequence[SessionRecord]) -> SplitScheme:
    """Return a split that knows everybody under the spelling that the sessions have now."""
    if scheme.by == "time":
        return scheme
    places = _places(scheme)
    by_name = {subject.casefold(): place for subject, place in places.items()}
    more = {entry.subject: by_name[entry.subject.casefold()] for entry in built}
    if more.keys() <= places.keys():
        return scheme
    field = "folds" if scheme.by == "fold" else "subjects"
    return scheme.model_copy(update={field: dict(sorted({**places, **more}.items()))})


def _on_the_new_draw(
    old: SplitScheme, new: SplitScheme, why: str | None, built: Sequence[SessionRecord]
) -> list[str]:
    """Return what to say of a default split that was drawn anew; nothing where it is as it was.

    Parameters
    ----------
    why : it had to be drawn; None where it was asked for
    """
    drawn = f"split {old.name!r} is drawn anew"
    if old.by != new.by:
        return [f"{drawn}, by {new.by} and not by {old.by}: {why or ASKED}"]
    if old.by == "time":
        moved = [entry.id for entry in built if old.parts.get(entry.id) not in (None, new.parts[entry.id])]
        who = "session"
    else:
        places = {subject.casefold(): place for subject, place in _places(old).items()}
        now = {subject.casefold(): (subject, place) for subject, place in _places(new).items()}
        moved = [subject for name, (subject, place) in now.items() if places.get(name, place) != place]
        who = "subject"
    if not moved:
        return [f"{drawn}: {why}"] if why else []
    count = f"{who} {moved[0]!r} is" if len(moved) == 1 else f"{len(moved)} {who}s are"
    return [
        f"{drawn}: {why or ASKED}; {count} in another part now, so a run that was trained before may have "
        f"seen whom it would be tested on"
    ]


def _on_empty_parts(scheme: SplitScheme, built: Sequence[SessionRecord]) -> list[str]:
    """Return a line for each part of a split that is kept of which nobody was built."""
    places = _places(scheme)
    here = {places[entry.subject] for entry in built}
    empty = [place for place in dict.fromkeys(places.values()) if place not in here]
    return [
        f"split {scheme.name!r} has nobody in {f'fold {place}' if isinstance(place, int) else place} now"
        for place in empty
    ]
