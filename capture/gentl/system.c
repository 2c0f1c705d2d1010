/* The library and the system module: there is one system, with one interface, GigE Vision. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

#include "modules.h"

#ifndef MAVFER_VERSION
#define MAVFER_VERSION "0"
#endif

GC_API GCInitLib(void)
{
    /* Only cameras on a network: aravis' own simulated one and those on USB are not this producer's. */
    for (guint i = 0; i < arv_get_n_interfaces(); i++) {
        const char *id = arv_get_interface_id(i);

        if (strcmp(id, "GigEVision") != 0)
            arv_disable_interface(id);
    }
    return objects_begin();
}

GC_API GCCloseLib(void)
{
    return objects_end();
}

/* The full path of this very file; the name alone where the system does not tell. */
static const char *own_path(void)
{
    Dl_info where;

    if (dladdr((void *)own_path, &where) == 0 || where.dli_fname == NULL)
        return PRODUCER_NAME ".cti";
    return where.dli_fname;
}

static const char *own_name(void)
{
    const char *slash = strrchr(own_path(), '/');

    return slash != NULL ? slash + 1 : own_path();
}

GC_API GCGetInfo(TL_INFO_CMD command, INFO_DATATYPE *type, void *value, size_t *size)
{
    switch (command) {
    case TL_INFO_ID:
    case TL_INFO_MODEL:
        return tell_string(type, value, size, PRODUCER_NAME);
    case TL_INFO_VENDOR:
        return tell_string(type, value, size, PRODUCER_VENDOR);
    case TL_INFO_VERSION:
        return tell_string(type, value, size, MAVFER_VERSION);
    case TL_INFO_TLTYPE:
        return tell_string(type, value, size, TL_TYPE);
    case TL_INFO_NAME:
        return tell_string(type, value, size, own_name());
    case TL_INFO_PATHNAME:
        return tell_string(type, value, size, own_path());
    case TL_INFO_DISPLAYNAME:
        return tell_string(type, value, size, "mavfer GigE Vision, over aravis");
    case TL_INFO_CHAR_ENCODING:
        return tell_int32(type, value, size, TL_CHAR_ENCODING_ASCII);
    case TL_INFO_GENTL_VER_MAJOR:
        return tell_uint32(type, value, size, 1);
    case TL_INFO_GENTL_VER_MINOR:
        return tell_uint32(type, value, size, 5);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "a system has no information %d", command);
    }
}

static void free_system(Object *object)
{
    g_free(object);
}

GC_API TLOpen(TL_HANDLE *handle)
{
    g_autoptr(System) system = NULL;

    if (!objects_begun())
        return last_error();
    if (handle == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "TLOpen has no place for its handle");
    system = g_new0(System, 1);
    system->object.kind = SYSTEM;
    system->object.freeing = free_system;
    *handle = object_open(&system->object, NULL);
    return *handle != NULL ? GC_ERR_SUCCESS : last_error();
}

GC_API TLClose(TL_HANDLE handle)
{
    return object_close(handle, SYSTEM);
}

GC_API TLGetInfo(TL_HANDLE handle, TL_INFO_CMD command, INFO_DATATYPE *type, void *value, size_t *size)
{
    g_autoptr(System) system = object_get(handle, SYSTEM);

    return system != NULL ? GCGetInfo(command, type, value, size) : last_error();
}

GC_API TLUpdateInterfaceList(TL_HANDLE handle, bool8_t *changed, uint64_t timeout_ms)
{
    g_autoptr(System) system = object_get(handle, SYSTEM);

    (void)timeout_ms; /* nothing is waited for: the one interface is always there */
    if (system == NULL)
        return last_error();
    if (changed != NULL)
        *changed = 0;
    return GC_ERR_SUCCESS;
}

GC_API TLGetNumInterfaces(TL_HANDLE handle, uint32_t *count)
{
    g_autoptr(System) system = object_get(handle, SYSTEM);

    if (system == NULL)
        return last_error();
    if (count == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "TLGetNumInterfaces has no place for its answer");
    *count = 1;
    return GC_ERR_SUCCESS;
}

GC_API TLGetInterfaceID(TL_HANDLE handle, uint32_t index, char *id, size_t *size)
{
    g_autoptr(System) system = object_get(handle, SYSTEM);

    if (system == NULL)
        return last_error();
    if (index != 0)
        return fail(GC_ERR_INVALID_INDEX, "there is one interface, found index %u", index);
    return tell_string(NULL, id, size, INTERFACE_ID);
}
