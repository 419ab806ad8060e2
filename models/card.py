"""The model card: what the model is for, what it was made of and how far to trust it."""

from collections.abc import Iterable, Sequence
from typing import Any

from models.artefact import Artefact
from models.predictor import Model

HEAD = """# Model card: chance that a slot ends badly

Version `{version}`, features `{fingerprint}`, made from {source}.

## What it says
For an open slot, the probability that it ends with {bad}. Slots that ended with {censored}
were left out: what they would have become is unknowable. It is meant for planning and for help
to tutors, not for judging a person: a high probability is mostly the slot's, not the tutor's.

## What it learned from
{rows} looks at slots of {tutors} tutors, {share:.1%} of them bad; each slot at its creation and
72, 24, 6 and 2 hours before its start, as it was known then. Only slots whose start had passed.
Left out: {left}. Columns of the file that it uses: {context}.

## How good it is
On the latest quarter by time, which the judged model never saw:

| | value | 90 % interval |
|---|---|---|
"""


def card(artefact: Artefact, plots: Sequence[str] = ()) -> str:
    """Markdown; `plots` are names of pictures beside it."""
    model, about = artefact.model, artefact.manifest["about"]
    test = about["test"]
    return "\n".join(
        [
            _head(artefact, model, about) + _figures(test),
            *_recalibrated(about),
            _table("By time from the look to the start", test["by_lead_band"]),
            _table("Tutors of the training set, and new ones", test["by_tutor"]),
            _reliability(test),
            *(f"![{plot}]({plot})\n" for plot in plots),
            _strongest(about),
            _suspicions(about),
        ]
    )


def _head(artefact: Artefact, model: Model, about: dict[str, Any]) -> str:
    left = about["rows_left_out"]
    return HEAD.format(
        version=artefact.version,
        fingerprint=model.spec.fingerprint,
        source=about.get("source", "a history"),
        bad=_endings(model.spec.label.to_json()["bad"]),
        censored=_endings(model.spec.label.to_json()["censored"]),
        rows=f"{about['rows']:,}",
        tutors=f"{about['tutors']:,}",
        share=about["bad_share"],
        left=", ".join(f"{count:,} {why}" for why, count in left.items()),
        context=", ".join(column.name for column in model.spec.context) or "none",
    )


def _recalibrated(about: dict[str, Any]) -> list[str]:
    found = about.get("recalibrated")
    if found is None:
        return []
    text = (
        "### Recalibrated\nThe figures here are those of version `{from}`. With what became of "
        "{outcomes:,} slots its logit was set right: {shift:+.3f} + {slope:.3f} · logit. On the "
        "latest {held_out:,} of them that lowers the log loss from {log_loss_before:.4f} to "
        "{log_loss_after:.4f}.\n"
    )
    return [text.format(**found)]


def _endings(endings: list[list[str | None]]) -> str:
    named = [f"`{kind}`" + (f" by the {by}" if by else "") for kind, by in endings]
    return ", ".join(named) or "nothing"


def _figures(test: dict[str, Any]) -> str:
    names = {
        "auc": "AUC",
        "pr_auc": "PR-AUC",
        "log_loss": "log loss",
        "base_rate_log_loss": "log loss of the base rate",
        "brier": "Brier score",
        "ece": "expected calibration error",
        "slope": "calibration slope",
        "o_e": "observed / expected",
    }
    rows = [
        f"| {label} | {_number(test[name])} | {_interval(test, name)} |"
        for name, label in names.items()
    ]
    return "\n".join(rows) + "\n"


def _interval(test: dict[str, Any], name: str) -> str:
    found = test["intervals_90"].get(name)
    return f"{found[0]:.4f} to {found[1]:.4f}" if found else ""


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _table(title: str, groups: dict[str, dict[str, Any]]) -> str:
    names = ("auc", "log_loss", "brier", "ece", "o_e")
    rows = [
        (group, f"{found['n']:,}", *(_number(found[name]) for name in names))
        for group, found in groups.items()
    ]
    head = ("", "n", "AUC", "log loss", "Brier", "ECE", "observed / expected")
    return _markdown(title, head, rows)


def _reliability(test: dict[str, Any]) -> str:
    rows = [
        (f"{row['predicted']:.3f}", f"{row['observed']:.3f}", f"{row['n']:,}")
        for row in test["reliability"]
    ]
    return _markdown("Said and seen", ("predicted", "observed", "n"), rows)


def _strongest(about: dict[str, Any]) -> str:
    rows = [(name, f"{share:.1%}") for name, share in about["strongest_features"].items()]
    return _markdown("Strongest features", ("feature", "share of gain"), rows)


def _suspicions(about: dict[str, Any]) -> str:
    rows = list(about["suspicions"].items()) or [("none", "")]
    return _markdown("Columns to look at: were they known at booking?", ("feature", "why"), rows)


def _markdown(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return f"### {title}\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
