/* Ports: the functions by which a consumer reads and writes registers, of the camera or of a module. */
#include "port.h"

#include <string.h>

#include "modules.h"

#ifndef MAVFER_VERSION
#define MAVFER_VERSION "0"
#endif

/* Return the object of a handle that has registers, counted; NULL with the error kept. */
static Object *take_port(PORT_HANDLE handle)
{
    Object *object = object_get_any(handle);

    if (object != NULL && (object->kind == BUFFER || object->kind == EVENT)) {
        fail(GC_ERR_INVALID_HANDLE, "buffers and events have no registers");
        object_release(object);
        return NULL;
    }
    return object;
}

static gboolean is_remote(const Object *port)
{
    return port->kind == REMOTE_PORT;
}

static GC_ERROR read_port(Object *port, uint64_t address, void *value, size_t *size)
{
    if (value == NULL || size == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "a register is read without a place for its value");
    return is_remote(port) ? remote_read(port, address, value, size) : local_read(port, address, value, size);
}

static GC_ERROR write_port(Object *port, uint64_t address, const void *value, size_t *size)
{
    if (value == NULL || size == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "a register is written without a value");
    return is_remote(port) ? remote_write(port, address, value, size)
                           : local_write(port, address, value, size);
}

GC_API GCReadPort(PORT_HANDLE handle, uint64_t address, void *value, size_t *size)
{
    g_autoptr(Object) port = take_port(handle);

    return port != NULL ? read_port(port, address, value, size) : last_error();
}

GC_API GCWritePort(PORT_HANDLE handle, uint64_t address, const void *value, size_t *size)
{
    g_autoptr(Object) port = take_port(handle);

    return port != NULL ? write_port(port, address, value, size) : last_error();
}

GC_API GCReadPortStacked(PORT_HANDLE handle, PORT_REGISTER_STACK_ENTRY *entries, size_t *count)
{
    g_autoptr(Object) port = take_port(handle);
    size_t n_wanted;

    if (port == NULL)
        return last_error();
    if (entries == NULL || count == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "registers are read without a list of them");
    n_wanted = *count;
    for (*count = 0; *count < n_wanted; ++*count) {
        PORT_REGISTER_STACK_ENTRY *entry = &entries[*count];
        size_t n_bytes = entry->Size;
        GC_ERROR error = read_port(port, entry->Address, entry->pBuffer, &n_bytes);

        entry->Size = n_bytes;
        if (error != GC_ERR_SUCCESS)
            return error;
    }
    return GC_ERR_SUCCESS;
}

GC_API GCWritePortStacked(PORT_HANDLE handle, PORT_REGISTER_STACK_ENTRY *entries, size_t *count)
{
    g_autoptr(Object) port = take_port(handle);
    size_t n_wanted;

    if (port == NULL)
        return last_error();
    if (entries == NULL || count == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "registers are written without a list of them");
    n_wanted = *count;
    for (*count = 0; *count < n_wanted; ++*count) {
        PORT_REGISTER_STACK_ENTRY *entry = &entries[*count];
        size_t n_bytes = entry->Size;
        GC_ERROR error = write_port(port, entry->Address, entry->pBuffer, &n_bytes);

        entry->Size = n_bytes;
        if (error != GC_ERR_SUCCESS)
            return error;
    }
    return GC_ERR_SUCCESS;
}

static const char *port_id(const Object *port)
{
    switch (port->kind) {
    case INTERFACE:
        return INTERFACE_ID;
    case DEVICE:
        return ((const Device *)port)->found.id;
    case REMOTE_PORT:
        return ((const Device *)port->parent)->found.id;
    case STREAM:
        return STREAM_ID;
    default:
        return PRODUCER_NAME;
    }
}

static gboolean is_writable(const Object *port)
{
    return is_remote(port) ? !((const Device *)port->parent)->read_only : port->kind == STREAM;
}

GC_API GCGetPortInfo(PORT_HANDLE handle, PORT_INFO_CMD command, INFO_DATATYPE *type, void *value,
                     size_t *size)
{
    g_autoptr(Object) port = take_port(handle);
    const GvcpCamera *camera;
    char name[32];

    if (port == NULL)
        return last_error();
    camera = is_remote(port) ? &((const Device *)port->parent)->found.camera : NULL;
    switch (command) {
    case PORT_INFO_ID:
        return tell_string(type, value, size, port_id(port));
    case PORT_INFO_VENDOR:
        return tell_string(type, value, size, camera != NULL ? camera->vendor : PRODUCER_VENDOR);
    case PORT_INFO_MODEL:
        return tell_string(type, value, size, camera != NULL ? camera->model : PRODUCER_NAME);
    case PORT_INFO_TLTYPE:
        return tell_string(type, value, size, TL_TYPE);
    case PORT_INFO_MODULE:
        return tell_string(type, value, size, camera != NULL ? "Device" : local_module_name(port));
    case PORT_INFO_LITTLE_ENDIAN:
        return tell_bool(type, value, size, camera == NULL);
    case PORT_INFO_BIG_ENDIAN: /* GigE Vision's registers */
        return tell_bool(type, value, size, camera != NULL);
    case PORT_INFO_ACCESS_READ:
        return tell_bool(type, value, size, TRUE);
    case PORT_INFO_ACCESS_WRITE:
        return tell_bool(type, value, size, is_writable(port));
    case PORT_INFO_ACCESS_NA:
    case PORT_INFO_ACCESS_NI:
        return tell_bool(type, value, size, FALSE);
    case PORT_INFO_VERSION:
        return tell_string(type, value, size, camera != NULL ? camera->version : MAVFER_VERSION);
    case PORT_INFO_PORTNAME: /* as the XML calls it */
        g_snprintf(name, sizeof name, "%sPort", camera != NULL ? "" : local_module_name(port));
        return tell_string(type, value, size, camera != NULL ? "Device" : name);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "a port has no information %d", command);
    }
}

static GC_ERROR url_of(Object *port, uint32_t index, char url[URL_BYTES + 1])
{
    if (is_remote(port))
        return remote_url(port, index, url);
    if (index != 0)
        return fail(GC_ERR_INVALID_INDEX, "a module has one XML, found index %u", index);
    local_url(port, url);
    return GC_ERR_SUCCESS;
}

GC_API GCGetNumPortURLs(PORT_HANDLE handle, uint32_t *count)
{
    g_autoptr(Object) port = take_port(handle);
    char url[URL_BYTES + 1];

    if (port == NULL || url_of(port, 0, url) != GC_ERR_SUCCESS)
        return last_error();
    if (count == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "GCGetNumPortURLs has no place for its answer");
    *count = url_of(port, 1, url) == GC_ERR_SUCCESS ? 2 : 1;
    return GC_ERR_SUCCESS;
}

GC_API GCGetPortURL(PORT_HANDLE handle, char *url, size_t *size)
{
    return GCGetPortURLInfo(handle, 0, URL_INFO_URL, NULL, url, size);
}

/* Read address and size from "Local:name.xml;ADDRESS;SIZE", both hexadecimal; FALSE for another URL. */
static gboolean parse_local(const char *url, guint64 *address, guint64 *n_bytes)
{
    g_auto(GStrv) parts = g_strsplit(url, ";", 3);

    if (g_ascii_strncasecmp(url, "local:", 6) != 0 || g_strv_length(parts) != 3)
        return FALSE;
    *address = g_ascii_strtoull(parts[1], NULL, 16);
    *n_bytes = g_ascii_strtoull(parts[2], NULL, 16);
    return TRUE;
}

static int32_t scheme_of(const char *url)
{
    if (g_ascii_strncasecmp(url, "http", 4) == 0)
        return URL_SCHEME_HTTP;
    return g_ascii_strncasecmp(url, "file:", 5) == 0 ? URL_SCHEME_FILE : URL_SCHEME_LOCAL;
}

GC_API GCGetPortURLInfo(PORT_HANDLE handle, uint32_t index, URL_INFO_CMD command, INFO_DATATYPE *type,
                        void *value, size_t *size)
{
    g_autoptr(Object) port = take_port(handle);
    char url[URL_BYTES + 1];
    guint64 address;
    guint64 n_bytes;

    if (port == NULL || url_of(port, index, url) != GC_ERR_SUCCESS)
        return last_error();
    switch (command) {
    case URL_INFO_URL:
        return tell_string(type, value, size, url);
    case URL_INFO_SCHEME:
        return tell_int32(type, value, size, scheme_of(url));
    case URL_INFO_FILE_REGISTER_ADDRESS:
    case URL_INFO_FILE_SIZE:
        if (!parse_local(url, &address, &n_bytes))
            return fail(GC_ERR_NOT_AVAILABLE, "the XML is not in the port's registers: %s", url);
        return tell_uint64(type, value, size, command == URL_INFO_FILE_SIZE ? n_bytes : address);
    default: /* versions and hash are in the XML itself */
        return fail(GC_ERR_NOT_AVAILABLE, "a URL does not tell its information %d", command);
    }
}
