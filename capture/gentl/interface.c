/* The interface module: all network cards at once, and the cameras behind them. */
#include <string.h>

#include "modules.h"

static GC_ERROR tell_interface(INTERFACE_INFO_CMD command, INFO_DATATYPE *type, void *value, size_t *size)
{
    switch (command) {
    case INTERFACE_INFO_ID:
        return tell_string(type, value, size, INTERFACE_ID);
    case INTERFACE_INFO_DISPLAYNAME:
        return tell_string(type, value, size, "GigE Vision on all network cards");
    case INTERFACE_INFO_TLTYPE:
        return tell_string(type, value, size, TL_TYPE);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "an interface has no information %d", command);
    }
}

static GC_ERROR require_id(const char *id)
{
    if (id == NULL || strcmp(id, INTERFACE_ID) != 0)
        return fail(GC_ERR_INVALID_ID, "the one interface is \"" INTERFACE_ID "\", found \"%s\"",
                    id != NULL ? id : "");
    return GC_ERR_SUCCESS;
}

static void free_interface(Object *object)
{
    Interface *interface = (Interface *)object;

    g_array_unref(interface->found);
    g_mutex_clear(&interface->lock);
    g_free(interface);
}

GC_API TLOpenInterface(TL_HANDLE handle, const char *id, IF_HANDLE *interface_handle)
{
    g_autoptr(System) system = object_get(handle, SYSTEM);
    g_autoptr(Interface) interface = NULL;

    if (system == NULL || require_id(id) != GC_ERR_SUCCESS)
        return last_error();
    if (interface_handle == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "TLOpenInterface has no place for its handle");
    interface = g_new0(Interface, 1);
    interface->object.kind = INTERFACE;
    interface->object.freeing = free_interface;
    interface->object.single = TRUE;
    g_mutex_init(&interface->lock);
    interface->found = g_array_new(FALSE, TRUE, sizeof(Found));
    *interface_handle = object_open(&interface->object, &system->object);
    return *interface_handle != NULL ? GC_ERR_SUCCESS : last_error();
}

GC_API TLGetInterfaceInfo(TL_HANDLE handle, const char *id, INTERFACE_INFO_CMD command, INFO_DATATYPE *type,
                          void *value, size_t *size)
{
    g_autoptr(System) system = object_get(handle, SYSTEM);

    if (system == NULL || require_id(id) != GC_ERR_SUCCESS)
        return last_error();
    return tell_interface(command, type, value, size);
}

GC_API IFClose(IF_HANDLE handle)
{
    return object_close(handle, INTERFACE);
}

GC_API IFGetInfo(IF_HANDLE handle, INTERFACE_INFO_CMD command, INFO_DATATYPE *type, void *value, size_t *size)
{
    g_autoptr(Interface) interface = object_get(handle, INTERFACE);

    return interface != NULL ? tell_interface(command, type, value, size) : last_error();
}

GC_API IFGetParentTL(IF_HANDLE handle, TL_HANDLE *system)
{
    g_autoptr(Interface) interface = object_get(handle, INTERFACE);

    if (interface == NULL)
        return last_error();
    if (system == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "IFGetParentTL has no place for its handle");
    *system = interface->object.parent->handle;
    return GC_ERR_SUCCESS;
}

static gboolean same_ids(const GArray *a, const GArray *b)
{
    gboolean same = a->len == b->len;

    for (guint i = 0; same && i < a->len; i++)
        same = strcmp(g_array_index(a, Found, i).id, g_array_index(b, Found, i).id) == 0;
    return same;
}

GC_API IFUpdateDeviceList(IF_HANDLE handle, bool8_t *changed, uint64_t timeout_ms)
{
    g_autoptr(Interface) interface = object_get(handle, INTERFACE);
    GArray *found;
    GArray *before;

    if (interface == NULL)
        return last_error();
    if (timeout_ms == 0) { /* no camera can answer at once: what is known stays known */
        if (changed != NULL)
            *changed = 0;
        return GC_ERR_SUCCESS;
    }
    found = discover((guint)MIN(timeout_ms, G_MAXUINT));
    if (found == NULL)
        return last_error();
    g_mutex_lock(&interface->lock);
    before = interface->found;
    interface->found = found;
    if (changed != NULL)
        *changed = same_ids(before, found) ? 0 : 1;
    g_array_unref(before);
    g_mutex_unlock(&interface->lock);
    return GC_ERR_SUCCESS;
}

GC_API IFGetNumDevices(IF_HANDLE handle, uint32_t *count)
{
    g_autoptr(Interface) interface = object_get(handle, INTERFACE);

    if (interface == NULL)
        return last_error();
    if (count == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "IFGetNumDevices has no place for its answer");
    g_mutex_lock(&interface->lock);
    *count = interface->found->len;
    g_mutex_unlock(&interface->lock);
    return GC_ERR_SUCCESS;
}

GC_API IFGetDeviceID(IF_HANDLE handle, uint32_t index, char *id, size_t *size)
{
    g_autoptr(Interface) interface = object_get(handle, INTERFACE);
    char text[sizeof((Found *)0)->id] = "";

    if (interface == NULL)
        return last_error();
    g_mutex_lock(&interface->lock);
    if (index < interface->found->len)
        g_strlcpy(text, g_array_index(interface->found, Found, index).id, sizeof text);
    g_mutex_unlock(&interface->lock);
    if (text[0] == 0)
        return fail(GC_ERR_INVALID_INDEX, "the interface has no device %u; is its list up to date?", index);
    return tell_string(NULL, id, size, text);
}

/* Copy what is known of a device of the list; FALSE with the error kept when it is not there. */
static gboolean take_found(Interface *interface, const char *id, Found *found)
{
    gboolean there = FALSE;

    g_mutex_lock(&interface->lock);
    for (guint i = 0; id != NULL && !there && i < interface->found->len; i++) {
        *found = g_array_index(interface->found, Found, i);
        there = strcmp(found->id, id) == 0;
    }
    g_mutex_unlock(&interface->lock);
    if (!there)
        fail(GC_ERR_INVALID_ID, "no device \"%s\" in the list; IFUpdateDeviceList looks for devices",
             id != NULL ? id : "");
    return there;
}

GC_API IFGetDeviceInfo(IF_HANDLE handle, const char *id, DEVICE_INFO_CMD command, INFO_DATATYPE *type,
                       void *value, size_t *size)
{
    g_autoptr(Interface) interface = object_get(handle, INTERFACE);
    Found found;

    if (interface == NULL || !take_found(interface, id, &found))
        return last_error();
    return tell_device(&found, command, type, value, size);
}

GC_API IFOpenDevice(IF_HANDLE handle, const char *id, DEVICE_ACCESS_FLAGS flags, DEV_HANDLE *device)
{
    g_autoptr(Interface) interface = object_get(handle, INTERFACE);
    Found found;

    if (interface == NULL || !take_found(interface, id, &found))
        return last_error();
    if (device == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "IFOpenDevice has no place for its handle");
    if (flags < DEVICE_ACCESS_READONLY || flags > DEVICE_ACCESS_EXCLUSIVE)
        return fail(GC_ERR_INVALID_PARAMETER,
                    "a device is opened to read, to control or exclusively, found %d", flags);
    *device = device_open(interface, &found, flags);
    return *device != NULL ? GC_ERR_SUCCESS : last_error();
}
