"""`run.toml` of schemas 1 and 2, and of schema 3 with words left out since, brought to the one of today."""

from typing import Any

LEFT_OUT = ("compile",)
"""Words of schema 3 that changed no weight."""
OF_ATTENTION = ("attention_scale", "temperature", "peephole", "forget_input", "head")


def record_of_older(table: dict[str, Any]) -> dict[str, Any]:
    """Return the table of an older run as one of today; the rest is left to its default."""
    if table.get("schema_version") not in (1, 2):
        asked = {name: value for name, value in table["config"].items() if name not in LEFT_OUT}
        return table | {"config": asked}
    old = dict(table)
    if old["schema_version"] == 1:  # the hash of dataset.toml stood under the other's name
        old["dataset_toml_sha256"] = old.pop("dataset_sha256", None)
    config = dict(old.get("config", {}))
    if config.pop("faithful", False):
        config["preset"] = "faithful"
    if config.get("precision") is None:
        config.pop("precision", None)
    score = old.pop("validation_ccc", None)
    if old.get("model") == "early-fusion":  # it had MRAN's options, those of attention unused
        old["options"] = {k: v for k, v in old.get("options", {}).items() if k not in OF_ATTENTION}
    return old | {
        "schema_version": 3,
        "config": config,
        "loss": config.get("loss", "mse"),
        "validation_score": score,
    }
