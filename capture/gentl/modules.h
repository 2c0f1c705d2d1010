/* The modules above the data stream: system, interface and device, and what a device knows of its camera. */
#ifndef MAVFER_GENTL_MODULES_H
#define MAVFER_GENTL_MODULES_H

#include "gvcp.h"
#include "object.h"

#define PRODUCER_NAME "mavfer-gentl"
#define PRODUCER_VENDOR "mavfer"
#define TL_TYPE "GEV"
#define INTERFACE_ID "mavfer-gentl-gev"
#define STREAM_ID "stream0"
#define NANOSECONDS_PER_S 1000000000u

/* Addresses of cameras, separated by spaces or commas: only these are asked, each by itself. */
#define ADDRESS_VARIABLE "MAVFER_GENTL_ADDRESS"
/* "0": packets that were lost are not asked for again. */
#define RESEND_VARIABLE "MAVFER_GENTL_RESEND"

/* A camera that answered. */
typedef struct {
    char id[96]; /* "VENDOR-MODEL-SERIAL", as aravis makes them */
    GvcpCamera camera;
    gboolean by_aravis; /* found by aravis' broadcast, so that aravis knows behind which interface it is */
} Found;

typedef struct {
    Object object;
} System;

typedef struct {
    Object object;
    GMutex lock;
    GArray *found; /* of Found */
} Interface;

typedef struct {
    Object object;
    Found found;
    ArvDevice *camera;
    gboolean read_only;
    gboolean has_clock; /* the camera stamps its frames with a clock of its own */
    void *port;         /* handle of the camera's registers */
    GMutex lock;
    gint64 answered_us; /* when the camera last answered; guarded by lock */
    gboolean silent;    /* and when last asked it did not; guarded by lock */
} Device;

typedef struct {
    Object object; /* its parent is the device */
} RemotePort;

/* discovery.c: return the cameras there are now (of Found), or NULL with the error kept. */
GArray *discover(guint timeout_ms);

/* discovery.c: held to look for cameras and to open one. aravis has one list of cameras for the process,
 * whose strings go when it changes, and crashes when threads open their first cameras at once (issue 159). */
extern GMutex aravis_lock;

/* device.c: open a camera that was found; NULL with the error kept. */
void *device_open(Interface *interface, const Found *found, DEVICE_ACCESS_FLAGS flags);
GC_ERROR tell_device(const Found *found, DEVICE_INFO_CMD command, INFO_DATATYPE *type, void *value,
                     size_t *size);

/* TRUE if the camera answers: asked only when it has not done so for half a second.
 *
 * aravis repeats a question for seconds before it gives a camera up; a consumer should not have to wait. */
gboolean device_answers(Device *device);
void device_has_answered(Device *device);

/* Drop a reference of aravis' in a thread of its own when the camera is silent: its goodbyes take seconds. */
void device_drop(Device *device, gpointer of_aravis);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(System, object_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Interface, object_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Device, object_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RemotePort, object_release)

#endif
