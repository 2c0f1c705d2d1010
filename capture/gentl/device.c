/* The device module: a camera, opened, with its remote port and its one data stream. */
#include <arpa/inet.h>
#include <string.h>

#include "modules.h"

#define FRESH_US 500000        /* a camera that answered half a second ago is taken to be there */
#define ANSWER_TIMEOUT_MS 1000 /* asked ten times: a camera may be slow, aravis would wait for seconds */

void device_has_answered(Device *device)
{
    g_mutex_lock(&device->lock);
    device->answered_us = g_get_monotonic_time();
    device->silent = FALSE;
    g_mutex_unlock(&device->lock);
}

gboolean device_answers(Device *device)
{
    guint32 privilege;
    gboolean fresh;

    g_mutex_lock(&device->lock);
    fresh = g_get_monotonic_time() - device->answered_us < FRESH_US;
    g_mutex_unlock(&device->lock);
    if (fresh)
        return TRUE;
    if (gvcp_read_register(device->found.camera.address, GVCP_CONTROL_PRIVILEGE, ANSWER_TIMEOUT_MS,
                           &privilege) == GVCP_SILENT) {
        g_mutex_lock(&device->lock);
        device->silent = TRUE;
        g_mutex_unlock(&device->lock);
        fail(GC_ERR_IO, "the camera %s does not answer", device->found.id);
        return FALSE;
    }
    device_has_answered(device);
    return TRUE;
}

static gpointer drop_slowly(gpointer of_aravis)
{
    g_object_unref(of_aravis);
    return NULL;
}

void device_drop(Device *device, gpointer of_aravis)
{
    gboolean silent;

    g_mutex_lock(&device->lock);
    silent = device->silent;
    g_mutex_unlock(&device->lock);
    if (!silent && device_answers(device))
        g_object_unref(of_aravis);
    else
        g_thread_unref(g_thread_new("gentl-drop", drop_slowly, of_aravis));
}

static void free_device(Object *object)
{
    Device *device = (Device *)object;

    device_drop(device, device->camera);
    g_mutex_clear(&device->lock);
    g_free(device);
}

static void free_port(Object *object)
{
    g_free(object);
}

static gboolean is_camera(gconstpointer object, gconstpointer address)
{
    const Device *device = object;

    return device->found.camera.address.s_addr == ((const struct in_addr *)address)->s_addr;
}

static ArvDevice *connect_camera(const Found *found, GError **error)
{
    struct in_addr from = gvcp_route_from(found->camera.address);
    g_autoptr(GInetAddress) interface = NULL;
    g_autoptr(GInetAddress) address = NULL;

    if (found->by_aravis)
        return arv_open_device(found->id, error); /* asks everybody anew when its list lacks the camera */
    interface = g_inet_address_new_from_bytes((const guint8 *)&from, G_SOCKET_FAMILY_IPV4);
    address = g_inet_address_new_from_bytes((const guint8 *)&found->camera.address, G_SOCKET_FAMILY_IPV4);
    return arv_gv_device_new(interface, address, error);
}

/* Refuse early, and in words, what aravis would find out only after seconds. */
static gboolean may_open(const Found *found, gboolean read_only)
{
    g_autoptr(Device) open_already = object_find(DEVICE, is_camera, &found->camera.address);
    guint32 privilege = 0;

    if (open_already != NULL) {
        fail(GC_ERR_RESOURCE_IN_USE, "the camera %s is open already in this process", found->id);
        return FALSE;
    }
    switch (
        gvcp_read_register(found->camera.address, GVCP_CONTROL_PRIVILEGE, ANSWER_TIMEOUT_MS, &privilege)) {
    case GVCP_SILENT:
        fail(GC_ERR_IO,
             "the camera %s does not answer; is it still connected, or in another subnet than this machine's "
             "cards?",
             found->id);
        return FALSE;
    case GVCP_REFUSED:
        privilege = 1;
        break;
    case GVCP_ANSWERED:
        break;
    }
    if (privilege != 0 && !read_only) {
        fail(GC_ERR_ACCESS_DENIED, "the camera %s is in use by another program", found->id);
        return FALSE;
    }
    return TRUE;
}

void *device_open(Interface *interface, const Found *found, DEVICE_ACCESS_FLAGS flags)
{
    /* Until the device is in the registry, so that of two threads with one camera the second is refused. */
    g_autoptr(GMutexLocker) one_at_a_time = g_mutex_locker_new(&aravis_lock);
    gboolean read_only = flags == DEVICE_ACCESS_READONLY;
    GError *error = NULL;
    ArvDevice *camera;
    g_autoptr(Device) device = NULL;
    g_autoptr(RemotePort) port = NULL;

    if (!may_open(found, read_only))
        return NULL;
    camera = connect_camera(found, &error);
    if (camera == NULL) {
        fail_with(error, "the camera cannot be opened");
        return NULL;
    }
    /* aravis takes control where it can. Exclusive access is not asked for: it would forbid others even to
     * look, and control is what keeps them from changing anything. */
    if (read_only && arv_gv_device_is_controller(ARV_GV_DEVICE(camera)))
        arv_gv_device_leave_control(ARV_GV_DEVICE(camera), NULL);
    if (!read_only && !arv_gv_device_is_controller(ARV_GV_DEVICE(camera))) {
        g_object_unref(camera);
        fail(GC_ERR_ACCESS_DENIED, "the camera %s is in use by another program", found->id);
        return NULL;
    }
    /* One way to receive for every user: packet sockets work only for root. */
    arv_gv_device_set_stream_options(ARV_GV_DEVICE(camera), ARV_GV_STREAM_OPTION_PACKET_SOCKET_DISABLED);
    /* Packets that are too large for a card or a switch on the way are made smaller at the first start: else
     * not one frame would come. Later, and where they get through, the consumer's size stays as it is. */
    arv_gv_device_set_packet_size_adjustment(ARV_GV_DEVICE(camera),
                                             ARV_GV_PACKET_SIZE_ADJUSTMENT_ON_FAILURE_ONCE);

    device = g_new0(Device, 1);
    device->object.kind = DEVICE;
    device->object.freeing = free_device;
    device->found = *found;
    device->camera = camera;
    device->read_only = read_only;
    device->has_clock = arv_gv_device_get_timestamp_tick_frequency(ARV_GV_DEVICE(camera), NULL) != 0;
    device->answered_us = g_get_monotonic_time();
    g_mutex_init(&device->lock);
    if (object_open(&device->object, &interface->object) == NULL)
        return NULL;
    port = g_new0(RemotePort, 1);
    port->object.kind = REMOTE_PORT;
    port->object.freeing = free_port;
    device->port = object_open(&port->object, &device->object);
    return device->port != NULL ? device->object.handle : NULL;
}

static int32_t access_status(const Found *found)
{
    g_autoptr(Device) device = object_find(DEVICE, is_camera, &found->camera.address);
    guint32 privilege = 0;

    if (device != NULL)
        return device->read_only ? DEVICE_ACCESS_STATUS_OPEN_READONLY : DEVICE_ACCESS_STATUS_OPEN_READWRITE;
    switch (
        gvcp_read_register(found->camera.address, GVCP_CONTROL_PRIVILEGE, ANSWER_TIMEOUT_MS, &privilege)) {
    case GVCP_SILENT:
        return DEVICE_ACCESS_STATUS_NOACCESS;
    case GVCP_REFUSED:
        return DEVICE_ACCESS_STATUS_BUSY;
    case GVCP_ANSWERED:
        break;
    }
    return privilege == 0 ? DEVICE_ACCESS_STATUS_READWRITE : DEVICE_ACCESS_STATUS_BUSY;
}

GC_ERROR tell_device(const Found *found, DEVICE_INFO_CMD command, INFO_DATATYPE *type, void *value,
                     size_t *size)
{
    const GvcpCamera *camera = &found->camera;
    char address[INET_ADDRSTRLEN];
    char text[128];

    switch (command) {
    case DEVICE_INFO_ID:
        return tell_string(type, value, size, found->id);
    case DEVICE_INFO_VENDOR:
        return tell_string(type, value, size, camera->vendor);
    case DEVICE_INFO_MODEL:
        return tell_string(type, value, size, camera->model);
    case DEVICE_INFO_TLTYPE:
        return tell_string(type, value, size, TL_TYPE);
    case DEVICE_INFO_DISPLAYNAME:
        inet_ntop(AF_INET, &camera->address, address, sizeof address);
        g_snprintf(text, sizeof text, "%s %s (%s, %s)", camera->vendor, camera->model, camera->serial,
                   address);
        return tell_string(type, value, size, text);
    case DEVICE_INFO_ACCESS_STATUS:
        return tell_int32(type, value, size, access_status(found));
    case DEVICE_INFO_USER_DEFINED_NAME:
        return tell_string(type, value, size, camera->user_name);
    case DEVICE_INFO_SERIAL_NUMBER:
        return tell_string(type, value, size, camera->serial);
    case DEVICE_INFO_VERSION:
        return tell_string(type, value, size, camera->version);
    case DEVICE_INFO_TIMESTAMP_FREQUENCY: /* of the buffers' timestamps: aravis makes nanoseconds of ticks */
        return tell_uint64(type, value, size, NANOSECONDS_PER_S);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "a device has no information %d", command);
    }
}

GC_API DevClose(DEV_HANDLE handle)
{
    return object_close(handle, DEVICE);
}

GC_API DevGetInfo(DEV_HANDLE handle, DEVICE_INFO_CMD command, INFO_DATATYPE *type, void *value, size_t *size)
{
    g_autoptr(Device) device = object_get(handle, DEVICE);

    return device != NULL ? tell_device(&device->found, command, type, value, size) : last_error();
}

GC_API DevGetParentIF(DEV_HANDLE handle, IF_HANDLE *interface)
{
    g_autoptr(Device) device = object_get(handle, DEVICE);

    if (device == NULL)
        return last_error();
    if (interface == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "DevGetParentIF has no place for its handle");
    *interface = device->object.parent->handle;
    return GC_ERR_SUCCESS;
}

GC_API DevGetPort(DEV_HANDLE handle, PORT_HANDLE *port)
{
    g_autoptr(Device) device = object_get(handle, DEVICE);

    if (device == NULL)
        return last_error();
    if (port == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "DevGetPort has no place for its handle");
    *port = device->port;
    return GC_ERR_SUCCESS;
}

GC_API DevGetNumDataStreams(DEV_HANDLE handle, uint32_t *count)
{
    g_autoptr(Device) device = object_get(handle, DEVICE);

    if (device == NULL)
        return last_error();
    if (count == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "DevGetNumDataStreams has no place for its answer");
    *count = 1;
    return GC_ERR_SUCCESS;
}

GC_API DevGetDataStreamID(DEV_HANDLE handle, uint32_t index, char *id, size_t *size)
{
    g_autoptr(Device) device = object_get(handle, DEVICE);

    if (device == NULL)
        return last_error();
    if (index != 0)
        return fail(GC_ERR_INVALID_INDEX, "a device has one data stream, found index %u", index);
    return tell_string(NULL, id, size, STREAM_ID);
}
