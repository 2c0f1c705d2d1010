"""A calibration as the JSON of `mavfer calibrate show --json` and `mavfer calibrate --json`."""

from typing import Any

from ..calibration import Calibration
from ..solver.gates import calibration_warnings


def calibration_facts(calibration: Calibration) -> dict[str, Any]:
    """Return what a calibration says: cameras in pixels, where they stand from color, how certain it is."""
    views = {
        name: [view.used for view in calibration.residuals if view.camera == name]
        for name in calibration.cameras
    }
    poses = {"depth": calibration.color_from_depth}
    if calibration.thermal_from_color is not None:
        poses["thermal"] = calibration.thermal_from_color.inverse()
    return {
        "rig": calibration.rig,
        "method": calibration.method,
        "board": calibration.board or None,
        "sources": calibration.sources,
        "created_utc": calibration.created_utc or None,
        "cameras": {
            name: {
                **{key: getattr(camera, key) for key in ("width", "height", "fx", "fy", "cx", "cy")},
                "rms_px": calibration.rms_px.get(name),
                "coverage": calibration.coverage.get(name),
                "n_views": len(views[name]),
                "n_views_used": sum(views[name]),
            }
            for name, camera in calibration.cameras.items()
        },
        "from_color": {
            name: {"translation_mm": pose.translation_mm, "angle_deg": pose.angle_deg}
            for name, pose in poses.items()
        },
        "depth_shift_mm": calibration.depth_shift_mm,
        "depth_scale": calibration.depth_scale,
        "standard_deviations": calibration.uncertainty,
        "warnings": list(calibration_warnings(calibration)),
        "remarks": calibration.remarks,
    }
