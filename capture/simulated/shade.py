"""Light, sensors and noise, in numba: from visible triangles to the pixels that a camera delivers.

One core, no threads; every function releases the GIL and compiles once.
"""

import numpy as np
from numba import njit

from .head import CLOTH, MANTLE, SKIN, TEETH, TONGUE

_FIRST_EYE, _LAST_EYE = 4, 5


@njit(cache=True, nogil=True, fastmath=True)
def light_vertices(xyz, normals, occlusion, part, lights, sky, ground):
    """Return red, green, blue light on every vertex and its gloss, (N, 4) float32, linear.

    Skin is lit a little beyond the edge of the shadow, red most, as light under skin is (a cheap stand-in for
    subsurface scattering: wrapped diffuse, Green 2004, GPU Gems ch. 16).

    Parameters
    ----------
    xyz, normals : (N, 3) float32, in the camera's frame, the eye at the origin
    occlusion : (N,) float32;  part : (N,) int32
    lights : (L, 6) float64, unit direction toward each light and its red, green, blue
    sky, ground : (3,) float64, light from above and from below
    """
    out = np.zeros((xyz.shape[0], 4), np.float32)
    for i in range(xyz.shape[0]):
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        x, y, z = xyz[i, 0], xyz[i, 1], xyz[i, 2]
        away = np.sqrt(x * x + y * y + z * z) + 1e-6
        seen = occlusion[i]
        up = 0.5 - 0.5 * ny
        r = seen * (ground[0] + (sky[0] - ground[0]) * up)
        g = seen * (ground[1] + (sky[1] - ground[1]) * up)
        b = seen * (ground[2] + (sky[2] - ground[2]) * up)
        open_share = 0.35 + 0.65 * seen
        wrap_r, wrap_g, wrap_b, gloss, power = 0.10, 0.10, 0.10, 0.0, 20
        if part[i] == SKIN:
            wrap_r, wrap_g, wrap_b, gloss, power = 0.36, 0.22, 0.16, 0.055, 16
        elif part[i] == CLOTH:
            gloss = 0.01
        elif part[i] == TEETH or part[i] == TONGUE:
            open_share = seen * seen  # the lips shade them
        elif part[i] == MANTLE:
            gloss, power = 0.07, 24
        for k in range(lights.shape[0]):
            lx, ly, lz = lights[k, 0], lights[k, 1], lights[k, 2]
            toward = nx * lx + ny * ly + nz * lz
            r += open_share * lights[k, 3] * max(0.0, (toward + wrap_r) / (1 + wrap_r))
            g += open_share * lights[k, 4] * max(0.0, (toward + wrap_g) / (1 + wrap_g))
            b += open_share * lights[k, 5] * max(0.0, (toward + wrap_b) / (1 + wrap_b))
            hx, hy, hz = lx - x / away, ly - y / away, lz - z / away
            half = (nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz)
            if half > 0:
                out[i, 3] += gloss * seen * lights[k, 4] * half**power
        out[i, 0], out[i, 1], out[i, 2] = r, g, b
    return out


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _texel(texture, decode, u, v, c):
    """Return one channel of the texture at texel (u, v), bilinear, as linear light."""
    i, j = int(v), int(u)
    fu, fv = u - j, v - i
    top = texture[i, j, c] * (1 - fu) + texture[i, j + 1, c] * fu
    bottom = texture[i + 1, j, c] * (1 - fu) + texture[i + 1, j + 1, c] * fu
    return decode[int(top * (1 - fv) + bottom * fv + 0.5)]


@njit(cache=True, nogil=True, fastmath=True)
def shade_color(
    canvas,
    seen,
    nearest,
    room,
    triangles,
    px,
    uv,
    part,
    lit,
    normals,
    lights,
    texture,
    decode,
    encode,
    x0,
    y0,
):
    """Paint what is seen onto `canvas` (H, W, 3) uint8, blending where a pixel is covered in part.

    `seen` and `nearest` hold 2 x 2 samples per pixel; a pixel whose samples lie on one surface is shaded
    once. Costs about 25 ns per covered pixel.

    Parameters
    ----------
    room : (H, W) float32, 1/z of what stands in the room and may hide the subject
    px, uv : (N, 2);  part : (N,);  lit : (N, 4) of light_vertices;  normals : (N, 3)
    texture : (S, S, 3) uint8;  decode : (256,) float32;  encode : (4096,) uint8
    x0, y0 : int, the pixel at the canvas's corner
    """
    size = texture.shape[0]
    for y in range(canvas.shape[0]):
        for x in range(canvas.shape[1]):
            covered = 0
            near, far = 0.0, 1e9
            for s in range(4):
                i, j = 2 * y + s // 2, 2 * x + s % 2
                if seen[i, j] >= 0 and nearest[i, j] > room[y, x]:
                    covered += 1
                    near, far = max(near, nearest[i, j]), min(far, nearest[i, j])
            if covered == 0:
                continue
            one = covered == 4 and near < far * 1.012
            red = green = blue = 0.0
            last, last_r, last_g, last_b = -1, 0.0, 0.0, 0.0
            for s in range(4):
                i, j = 2 * y + s // 2, 2 * x + s % 2
                t = seen[i, j]
                if t < 0 or nearest[i, j] <= room[y, x]:
                    continue
                if t != last:
                    last = t
                    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                    ax, ay = px[a, 0] - x0 - x, px[a, 1] - y0 - y
                    bx, by = px[b, 0] - x0 - x, px[b, 1] - y0 - y
                    cx, cy = px[c, 0] - x0 - x, px[c, 1] - y0 - y
                    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
                    wb, wc = (ay * cx - ax * cy) / area, (ax * by - ay * bx) / area
                    if not one:
                        wb, wc = min(max(wb, 0.0), 1.0), min(max(wc, 0.0), 1.0)
                    wa = 1 - wb - wc
                    u = (wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]) * size - 0.5
                    v = (wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]) * size - 0.5
                    u, v = min(max(u, 0.0), size - 1.01), min(max(v, 0.0), size - 1.01)
                    gloss = wa * lit[a, 3] + wb * lit[b, 3] + wc * lit[c, 3]
                    if _FIRST_EYE <= part[a] <= _LAST_EYE:
                        gloss += _catch_light(normals, a, b, c, wa, wb, wc, lights)
                    light = wa * lit[a, 0] + wb * lit[b, 0] + wc * lit[c, 0]
                    last_r = _texel(texture, decode, u, v, 0) * light + gloss
                    light = wa * lit[a, 1] + wb * lit[b, 1] + wc * lit[c, 1]
                    last_g = _texel(texture, decode, u, v, 1) * light + gloss
                    light = wa * lit[a, 2] + wb * lit[b, 2] + wc * lit[c, 2]
                    last_b = _texel(texture, decode, u, v, 2) * light + gloss
                red, green, blue = red + last_r, green + last_g, blue + last_b
                if one:
                    break
            share = 1.0 if one else 0.25
            rest = 0 if one else 4 - covered
            red = share * (red + rest * decode[canvas[y, x, 0]])
            green = share * (green + rest * decode[canvas[y, x, 1]])
            blue = share * (blue + rest * decode[canvas[y, x, 2]])
            canvas[y, x, 0] = encode[int(min(max(red, 0.0), 1.0) * 4095)]
            canvas[y, x, 1] = encode[int(min(max(green, 0.0), 1.0) * 4095)]
            canvas[y, x, 2] = encode[int(min(max(blue, 0.0), 1.0) * 4095)]


@njit(cache=True, nogil=True, fastmath=True)
def _catch_light(normals, a, b, c, wa, wb, wc, lights):
    """Return the small bright reflection of the lamps in an eye, per pixel since the eyeball is coarse."""
    nx = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
    ny = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
    nz = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    gloss = 0.0
    for k in range(lights.shape[0]):
        hx, hy, hz = lights[k, 0], lights[k, 1], lights[k, 2] - 1.0
        half = (nx * hx + ny * hy + nz * hz) / (length * np.sqrt(hx * hx + hy * hy + hz * hz))
        if half > 0.9:
            gloss += 0.9 * lights[k, 4] * half**120
    return gloss


@njit(cache=True, nogil=True)
def finish_color(background, canvas, x0, y0, noise, offsets):
    """Return background, canvas laid on it at (x0, y0), and noise on both: (H, W, 3) uint8.

    About 3 ms for 1920 x 1080, bound by memory. `noise` is a long bank (K,) int8; each row starts reading it
    at its own `offsets` (H,), so no frame repeats another.
    """
    height, width = background.shape[0], background.shape[1] * 3
    out = np.empty(background.shape, np.uint8)
    flat, behind = out.reshape(height, width), background.reshape(height, width)
    front = canvas.reshape(canvas.shape[0], canvas.shape[1] * 3)
    left, right = 3 * x0, 3 * x0 + front.shape[1]
    for y in range(height):
        grain = noise[offsets[y] : offsets[y] + width]
        inside = y0 <= y < y0 + canvas.shape[0]
        row, source = flat[y], behind[y]
        for i in range(width):
            row[i] = min(max(np.int16(source[i]) + np.int16(grain[i]), 0), 255)
        if inside:
            source = front[y - y0]
            for i in range(left, right):
                row[i] = min(max(np.int16(source[i - left]) + np.int16(grain[i]), 0), 255)
    return out


@njit(cache=True, nogil=True, fastmath=True)
def interpolate(first, second, depth, seen, nearest, triangles, px, values, x0, y0):
    """Carry two vertex values (N, 2) float32 to the pixels that see them, where nearer than `depth`.

    `first`, `second` and `depth` (H, W) float32 are changed in place; one sample per pixel.
    """
    for y in range(seen.shape[0]):
        for x in range(seen.shape[1]):
            t = seen[y, x]
            if t < 0 or nearest[y, x] * depth[y0 + y, x0 + x] <= 1:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ax, ay = px[a, 0] - x0 - x, px[a, 1] - y0 - y
            bx, by = px[b, 0] - x0 - x, px[b, 1] - y0 - y
            cx, cy = px[c, 0] - x0 - x, px[c, 1] - y0 - y
            area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
            wb, wc = (ay * cx - ax * cy) / area, (ax * by - ay * bx) / area
            wa = 1 - wb - wc
            depth[y0 + y, x0 + x] = 1 / nearest[y, x]
            first[y0 + y, x0 + x] = wa * values[a, 0] + wb * values[b, 0] + wc * values[c, 0]
            second[y0 + y, x0 + x] = wa * values[a, 1] + wb * values[b, 1] + wc * values[c, 1]


@njit(cache=True, nogil=True, fastmath=True)
def finish_depth(true_mm, albedo, facing, vignette, normal, uniform, start, shift_mm):
    """Return what a time-of-flight sensor makes of a surface: depth and infrared, both (H, W) uint16.

    The light that comes back (albedo, slant, 1/z^2, vignetting) sets the noise; at edges of more than 40 mm a
    pixel mixes both surfaces (a flying pixel) or is lost; too little light is lost too. Lost is 0. The
    effects are those that Sarbolandi et al. 2015 ("Kinect range sensing") describe; the constants are ours.

    Parameters
    ----------
    true_mm, albedo, facing : (H, W) float32;  vignette : (H, W) float32
    normal, uniform : (K,) float32 banks of random numbers, K a power of two, read from `start`
    shift_mm : float, true = measured + shift_mm
    """
    height, width = true_mm.shape
    depth = np.zeros((height, width), np.uint16)
    infrared = np.zeros((height, width), np.uint16)
    last = normal.shape[0] - 1
    k = start
    for y in range(height):
        for x in range(width):
            k += 3
            z = true_mm[y, x]
            low, high = z, z
            for i in range(max(y - 1, 0), min(y + 2, height)):
                for j in range(max(x - 1, 0), min(x + 2, width)):
                    low, high = min(low, true_mm[i, j]), max(high, true_mm[i, j])
            light = albedo[y, x] * facing[y, x] * vignette[y, x] * (1000 / z) ** 2
            counts = light * 26000 * (1 + 0.03 * normal[k & last]) + 60 * normal[(k + 1) & last]
            infrared[y, x] = np.uint16(min(max(counts, 0.0), 65535.0))
            chance = uniform[k & last]
            edge = high - low > 40
            if light < 0.03 or facing[y, x] < 0.14 or vignette[y, x] < 0.38 or (edge and chance > 0.8):
                continue
            if edge and chance < 0.4:
                z = low + (high - low) * uniform[(k + 1) & last]
            z += (0.9 + 0.25 / max(light, 0.02)) * normal[(k + 2) & last] - shift_mm
            depth[y, x] = np.uint16(min(max(z + 0.5, 0.0), 8000.0))
    return depth, infrared


@njit(cache=True, nogil=True, fastmath=True)
def finish_thermal(temperature_c, taps, pattern_c, normal, start):
    """Return a thermal camera's counts (H, W) uint16: blurred by the lens, with noise, 0.04 K per count.

    Parameters
    ----------
    temperature_c, pattern_c : (H, W) float32, the scene, and the fixed pattern of the detector
    taps : (2 * R + 1,) float32, one row of the separable blur
    normal : (K,) float32 bank of random numbers, read from `start`
    """
    height, width = temperature_c.shape
    reach = taps.shape[0] // 2
    across = np.zeros((height + 2 * reach, width), np.float32)  # rows repeated beyond the borders
    padded = np.empty(width + 2 * reach, np.float32)
    for y in range(-reach, height + reach):
        for x in range(-reach, width + reach):
            padded[x + reach] = temperature_c[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]
        for k in range(taps.shape[0]):
            for x in range(width):
                across[y + reach, x] += taps[k] * padded[x + k]
    counts = np.empty((height, width), np.uint16)
    for y in range(height):
        at = (start + y * width) % (normal.shape[0] - width)
        for x in range(width):
            total = pattern_c[y, x] + 0.05 * normal[at + x]
            for k in range(taps.shape[0]):
                total += taps[k] * across[y + k, x]
            counts[y, x] = np.uint16(min(max((total + 273.15) / 0.04 + 0.5, 0.0), 16383.0))
    return counts
