/* The camera's registers, over GVCP: whole words, at addresses that are multiples of four. */
#include <string.h>

#include "modules.h"
#include "port.h"

#define WORD 4
#define MEMORY_BYTES 512 /* at most in one piece, so that the last error tells how far a read came */

static const guint64 url_registers[] = {0x0200, 0x0400}; /* GigE Vision: first and second choice of XML */

static Device *device_of(const Object *port)
{
    return (Device *)port->parent;
}

/* A register is read by READREG and written by WRITEREG. All else is memory, also the last word of it: where
 * an XML is kept a camera need not have registers. */
static gboolean is_register(uint64_t address, size_t n_bytes)
{
    return n_bytes == WORD && address % WORD == 0;
}

static gboolean read_register(Device *device, guint64 address, void *words, GError **error)
{
    guint32 word;

    if (!arv_device_read_register(device->camera, address, &word, error))
        return FALSE;
    word = GUINT32_TO_BE(word);
    memcpy(words, &word, sizeof word);
    return TRUE;
}

static gboolean write_register(Device *device, guint64 address, const void *words, GError **error)
{
    guint32 word;

    memcpy(&word, words, sizeof word);
    return arv_device_write_register(device->camera, address, GUINT32_FROM_BE(word), error);
}

/* GigE Vision's addresses have 32 bits; aravis would cut a longer one off and take another register. */
static GC_ERROR require_in_range(uint64_t address, size_t n_bytes)
{
    const uint64_t end = UINT64_C(1) << 32;

    if (address >= end || n_bytes > end - address)
        return fail(GC_ERR_INVALID_ADDRESS,
                    "GigE Vision's addresses have 32 bits, found %zu bytes at 0x%" G_GINT64_MODIFIER "x",
                    n_bytes, address);
    return GC_ERR_SUCCESS;
}

GC_ERROR remote_read(Object *port, uint64_t address, void *value, size_t *size)
{
    Device *device = device_of(port);
    guint8 words[MEMORY_BYTES];
    size_t n_wanted = *size;
    size_t n_read = 0;

    *size = 0;
    if (require_in_range(address, n_wanted) != GC_ERR_SUCCESS || !device_answers(device))
        return last_error();
    while (n_read < n_wanted) {
        guint64 from = (address + n_read) & ~(guint64)(WORD - 1);
        size_t before = address + n_read - from;
        size_t n_bytes = MIN(n_wanted - n_read, sizeof words - before);
        guint32 n_whole = (guint32)((before + n_bytes + WORD - 1) & ~(size_t)(WORD - 1));
        GError *error = NULL;

        if (!(is_register(address, n_wanted)
                  ? read_register(device, from, words, &error)
                  : arv_device_read_memory(device->camera, from, n_whole, words, &error)))
            return fail_with(error, "the camera's registers cannot be read");
        memcpy((guint8 *)value + n_read, words + before, n_bytes);
        n_read += n_bytes;
        *size = n_read;
        device_has_answered(device);
    }
    return GC_ERR_SUCCESS;
}

static GC_ERROR require_writable(const Device *device, uint64_t address, size_t n_bytes)
{
    if (device->read_only)
        return fail(GC_ERR_ACCESS_DENIED, "the device is open to be read only");
    if (address % WORD != 0 || n_bytes % WORD != 0 || n_bytes == 0)
        return fail(GC_ERR_INVALID_ADDRESS,
                    "GigE Vision writes whole words, found %zu bytes at 0x%" G_GINT64_MODIFIER "x", n_bytes,
                    address);
    return require_in_range(address, n_bytes);
}

GC_ERROR remote_write(Object *port, uint64_t address, const void *value, size_t *size)
{
    Device *device = device_of(port);
    size_t n_wanted = *size;
    size_t n_written = 0;

    *size = 0;
    if (require_writable(device, address, n_wanted) != GC_ERR_SUCCESS || !device_answers(device))
        return last_error();
    while (n_written < n_wanted) {
        guint32 n_bytes = (guint32)MIN(n_wanted - n_written, MEMORY_BYTES);
        guint8 words[MEMORY_BYTES];
        GError *error = NULL;

        memcpy(words, (const guint8 *)value + n_written, n_bytes);
        if (!(is_register(address, n_wanted)
                  ? write_register(device, address, words, &error)
                  : arv_device_write_memory(device->camera, address + n_written, n_bytes, words, &error)))
            return fail_with(error, "the camera's registers cannot be written");
        n_written += n_bytes;
        *size = n_written;
        device_has_answered(device);
    }
    return GC_ERR_SUCCESS;
}

GC_ERROR remote_url(Object *port, uint32_t index, char url[URL_BYTES + 1])
{
    size_t n_bytes = URL_BYTES;

    memset(url, 0, URL_BYTES + 1);
    if (index < G_N_ELEMENTS(url_registers) &&
        remote_read(port, url_registers[index], url, &n_bytes) != GC_ERR_SUCCESS)
        return last_error();
    if (url[0] == 0)
        return fail(GC_ERR_INVALID_INDEX, "the camera has no URL %u of an XML", index);
    return GC_ERR_SUCCESS;
}
