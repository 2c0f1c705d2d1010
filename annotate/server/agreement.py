"""What the study's owner asks of agreement: the figures of the complete takes, and the page with pictures."""

from __future__ import annotations

from threading import Lock

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel

from ..agreement.measures import MEASURES
from ..agreement.of_study import StudyAgreement
from ..agreement.readings import Reading
from ..agreement.summary import Summary
from ..agreement.words import consistency, figure, interval
from .desk import Desk

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""The page is one file of text, drawings and their styles: it may style itself, and has no script to run."""


class Figure(BaseModel):
    """One measure: its value, None where it is not defined, and how it and its 95 % interval are written."""

    measure: str
    word: str
    meaning: str
    value: float | None
    text: str
    interval: str


class Row(BaseModel):
    """The measures of one dimension in one reading; `consistency` is what its alpha is called."""

    dimension: str
    scope: str
    level: str
    n_raters: int
    n_sessions: int
    consistency: str
    figures: list[Figure]


class StandsOut(BaseModel):
    """One way in which a rater stands out, in a sentence."""

    rater: str
    dimension: str
    kind: str
    text: str


class AgreementShown(BaseModel):
    """The agreement of the complete takes; no rows while no session has two."""

    n_raters: int
    n_sessions: int
    rows: list[Row]
    standing_out: list[StandsOut]
    remarks: list[str]


def agreement_routes(desk: Desk, agreement: StudyAgreement) -> APIRouter:
    """Return the route of the figures; the study's owner alone is answered."""
    routes = APIRouter(prefix="/api/study")

    @routes.get("/agreement")
    def figures(request: Request) -> AgreementShown:
        desk.require_owner(request)
        return _shown(agreement.summary())

    return routes


def agreement_page_routes(desk: Desk, agreement: StudyAgreement) -> APIRouter:
    """Return the route of the page; the study's owner alone is answered."""
    routes = APIRouter(include_in_schema=False)
    made: list[tuple[Summary, str]] = []
    drawing = Lock()  # matplotlib's settings are one for all threads

    @routes.get("/study/agreement")
    def page(request: Request) -> Response:
        from ..agreement.page import agreement_page

        desk.require_owner(request)
        summary = agreement.summary()
        with drawing:
            if not made or made[0][0] is not summary:
                title = f"{desk.study.config.title}: how well the raters agree"
                made[:] = [(summary, agreement_page(summary, title=title).html())]
            html = made[0][1]
        return HTMLResponse(html, headers={"content-security-policy": POLICY})

    return routes


def _shown(summary: Summary) -> AgreementShown:
    return AgreementShown(
        n_raters=len(summary.raters),
        n_sessions=len(summary.session_ids),
        rows=[_row(one) for one in summary.over_sessions()],
        standing_out=[
            StandsOut(rater=one.rater, dimension=one.dimension, kind=found.kind, text=found.text)
            for one in summary.profiles
            for found in one.findings
        ],
        remarks=list(summary.remarks),
    )


def _row(one: Reading) -> Row:
    return Row(
        dimension=one.dimension,
        scope=one.scope,
        level=one.level,
        n_raters=one.n_raters,
        n_sessions=one.n_sessions,
        consistency=consistency(one.values["alpha"].value)[0],
        figures=[
            Figure(
                measure=name,
                word=measure.word,
                meaning=measure.meaning,
                value=one.values[name].value if figure(name, one.values[name]) != "–" else None,
                text=figure(name, one.values[name]),
                interval=interval(name, one.values[name]) if one.interval == "sessions" else "",
            )
            for name, measure in MEASURES.items()
        ],
    )
