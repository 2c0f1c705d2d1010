/* The last error of each thread, and the answers of info commands. */
#include "error.h"

#include <string.h>

static __thread GC_ERROR last_code = GC_ERR_SUCCESS;
static __thread char last_text[512] = "no error";

GC_ERROR fail(GC_ERROR code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_vsnprintf(last_text, sizeof last_text, format, arguments);
    va_end(arguments);
    last_code = code;
    return code;
}

static GC_ERROR nearest_code(const GError *error)
{
    if (error == NULL || error->domain != ARV_DEVICE_ERROR)
        return GC_ERR_ERROR;
    switch (error->code) {
    case ARV_DEVICE_ERROR_PROTOCOL_ERROR_NOT_IMPLEMENTED:
        return GC_ERR_NOT_IMPLEMENTED;
    case ARV_DEVICE_ERROR_PROTOCOL_ERROR_INVALID_PARAMETER:
        return GC_ERR_INVALID_PARAMETER;
    case ARV_DEVICE_ERROR_PROTOCOL_ERROR_INVALID_ADDRESS:
    case ARV_DEVICE_ERROR_PROTOCOL_ERROR_BAD_ALIGNMENT:
        return GC_ERR_INVALID_ADDRESS;
    case ARV_DEVICE_ERROR_PROTOCOL_ERROR_WRITE_PROTECT:
    case ARV_DEVICE_ERROR_PROTOCOL_ERROR_ACCESS_DENIED:
    case ARV_DEVICE_ERROR_NOT_CONTROLLER:
        return GC_ERR_ACCESS_DENIED;
    case ARV_DEVICE_ERROR_PROTOCOL_ERROR_BUSY:
        return GC_ERR_BUSY;
    default:
        return GC_ERR_IO;
    }
}

GC_ERROR fail_with(GError *error, const char *doing)
{
    GC_ERROR code = nearest_code(error);

    fail(code, "%s: %s", doing, error != NULL ? error->message : "unknown error of aravis");
    g_clear_error(&error);
    return code;
}

GC_ERROR tell_bytes(INFO_DATATYPE *type, void *value, size_t *size, INFO_DATATYPE of, const void *from,
                    size_t n_bytes)
{
    if (size == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "the size of the answer has no place to go: piSize is NULL");
    if (type != NULL)
        *type = of;
    if (value == NULL) {
        *size = n_bytes;
        return GC_ERR_SUCCESS;
    }
    if (*size < n_bytes) {
        fail(GC_ERR_BUFFER_TOO_SMALL, "the answer takes %zu bytes, the buffer has %zu", n_bytes, *size);
        *size = n_bytes;
        return GC_ERR_BUFFER_TOO_SMALL;
    }
    memcpy(value, from, n_bytes);
    *size = n_bytes;
    return GC_ERR_SUCCESS;
}

GC_ERROR tell_string(INFO_DATATYPE *type, void *value, size_t *size, const char *text)
{
    return tell_bytes(type, value, size, INFO_DATATYPE_STRING, text, strlen(text) + 1);
}

GC_ERROR tell_int32(INFO_DATATYPE *type, void *value, size_t *size, int32_t number)
{
    return tell_bytes(type, value, size, INFO_DATATYPE_INT32, &number, sizeof number);
}

GC_ERROR tell_uint32(INFO_DATATYPE *type, void *value, size_t *size, uint32_t number)
{
    return tell_bytes(type, value, size, INFO_DATATYPE_UINT32, &number, sizeof number);
}

GC_ERROR tell_uint64(INFO_DATATYPE *type, void *value, size_t *size, uint64_t number)
{
    return tell_bytes(type, value, size, INFO_DATATYPE_UINT64, &number, sizeof number);
}

GC_ERROR tell_size(INFO_DATATYPE *type, void *value, size_t *size, size_t number)
{
    return tell_bytes(type, value, size, INFO_DATATYPE_SIZET, &number, sizeof number);
}

GC_ERROR tell_bool(INFO_DATATYPE *type, void *value, size_t *size, gboolean truth)
{
    bool8_t number = truth ? 1 : 0;

    return tell_bytes(type, value, size, INFO_DATATYPE_BOOL8, &number, sizeof number);
}

GC_ERROR tell_pointer(INFO_DATATYPE *type, void *value, size_t *size, void *pointer)
{
    return tell_bytes(type, value, size, INFO_DATATYPE_PTR, &pointer, sizeof pointer);
}

GC_ERROR last_error(void)
{
    return last_code;
}

/* Asking for the last error is no error of its own, so the kept one stays as it is. */
GC_API GCGetLastError(GC_ERROR *code, char *text, size_t *size)
{
    size_t n_bytes = strlen(last_text) + 1;
    gboolean fits;

    if (code != NULL)
        *code = last_code;
    if (size == NULL)
        return text == NULL ? GC_ERR_SUCCESS : GC_ERR_INVALID_PARAMETER;
    fits = text == NULL || *size >= n_bytes;
    if (text != NULL && fits)
        memcpy(text, last_text, n_bytes);
    *size = n_bytes;
    return fits ? GC_ERR_SUCCESS : GC_ERR_BUFFER_TOO_SMALL;
}
