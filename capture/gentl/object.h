/* Handles: every module, buffer, event and port that a consumer holds is an object in one registry.
 *
 * A handle is a number that is never used again, not an address: one that was closed, or was never ours, is
 * answered with GC_ERR_INVALID_HANDLE. Objects are counted: a thread that is inside a function keeps what it
 * works on alive while another thread closes it.
 */
#ifndef MAVFER_GENTL_OBJECT_H
#define MAVFER_GENTL_OBJECT_H

#include "error.h"

typedef enum {
    SYSTEM,
    INTERFACE,
    DEVICE,
    REMOTE_PORT, /* the camera's own registers, as against those of the device module */
    STREAM,
    BUFFER,
    EVENT,
} Kind;

typedef struct Object Object;

struct Object {
    Kind kind;
    gint references;
    void *handle;
    Object *parent;            /* kept alive by this object; NULL for a system */
    void (*closing)(Object *); /* end what goes on; runs once, before the children are closed; may be NULL */
    void (*freeing)(Object *); /* free what it holds; no other thread knows the object any more */
    gboolean single;           /* no other of its kind may be open under its parent */
};

/* Between GCInitLib and the last GCCloseLib; the latter closes everything. */
GC_ERROR objects_begin(void);
GC_ERROR objects_end(void);
gboolean objects_begun(void);

/* Put a zeroed object whose kind, functions and `single` are set into the registry, under its parent.
 *
 * Returns its handle. NULL is returned, with the error kept, when the parent has been closed meanwhile or
 * there is one already where only one may be. In all cases the object is counted for the caller too: another
 * thread may close the parent at any time. */
void *object_open(Object *object, Object *parent);

/* Return the object of a handle, counted, if it is of that kind; otherwise NULL, with the error kept. */
gpointer object_get(void *handle, Kind kind);

/* Return the object of a handle whatever its kind, counted; otherwise NULL, with the error kept. */
Object *object_get_any(void *handle);

gpointer object_keep(gpointer object);
void object_release(gpointer object);

/* Close an object of that kind and all that was opened under it. */
GC_ERROR object_close(void *handle, Kind kind);

/* Return the first object of that kind for which `matches` is true, counted, or NULL; keeps no error. */
gpointer object_find(Kind kind, gboolean (*matches)(gconstpointer object, gconstpointer wanted),
                     gconstpointer wanted);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Object, object_release)

#endif
