/* The registry of everything that a consumer holds a handle of. */
#include "object.h"

static GMutex lock;           /* guards all below; never held while an object is closed or freed */
static GHashTable *by_handle; /* handle -> Object, counted once */
static guint n_begun;         /* GCInitLib calls that wait for their GCCloseLib */
static uintptr_t last_handle; /* goes up for ever, so that no handle comes twice */

static const char *const kind_names[] = {
    [SYSTEM] = "system",
    [INTERFACE] = "interface",
    [DEVICE] = "device",
    [REMOTE_PORT] = "port",
    [STREAM] = "data stream",
    [BUFFER] = "buffer",
    [EVENT] = "event",
};

GC_ERROR objects_begin(void)
{
    g_mutex_lock(&lock);
    if (by_handle == NULL)
        by_handle = g_hash_table_new(NULL, NULL);
    n_begun++;
    g_mutex_unlock(&lock);
    return GC_ERR_SUCCESS;
}

gboolean objects_begun(void)
{
    gboolean begun;

    g_mutex_lock(&lock);
    begun = n_begun > 0;
    g_mutex_unlock(&lock);
    if (!begun)
        fail(GC_ERR_NOT_INITIALIZED, "GCInitLib was not called, or GCCloseLib has been");
    return begun;
}

gpointer object_keep(gpointer object)
{
    g_atomic_int_inc(&((Object *)object)->references);
    return object;
}

void object_release(gpointer counted)
{
    Object *object = counted;
    Object *parent;

    if (object == NULL || !g_atomic_int_dec_and_test(&object->references))
        return;
    parent = object->parent;
    object->freeing(object);
    object_release(parent);
}

/* TRUE when an object of this one's kind is open under its parent; `lock` is held. */
static gboolean has_sibling(const Object *object)
{
    GHashTableIter each;
    gpointer value;

    g_hash_table_iter_init(&each, by_handle);
    while (g_hash_table_iter_next(&each, NULL, &value)) {
        const Object *other = value;

        if (other->kind == object->kind && other->parent == object->parent)
            return TRUE;
    }
    return FALSE;
}

void *object_open(Object *object, Object *parent)
{
    gboolean orphan;
    gboolean taken;

    object->references = 1;
    object->parent = parent != NULL ? object_keep(parent) : NULL;
    g_mutex_lock(&lock);
    orphan = by_handle == NULL || n_begun == 0 ||
             (parent != NULL && g_hash_table_lookup(by_handle, parent->handle) == NULL);
    taken = !orphan && object->single && has_sibling(object);
    if (!orphan && !taken) {
        object->handle = (void *)(last_handle += 16);
        g_hash_table_insert(by_handle, object->handle, object_keep(object));
    }
    g_mutex_unlock(&lock);
    if (orphan)
        fail(GC_ERR_INVALID_HANDLE, "what it was to be opened under was closed meanwhile");
    if (taken)
        fail(GC_ERR_RESOURCE_IN_USE, "the %s is open already", kind_names[object->kind]);
    return object->handle;
}

static Object *look_up(void *handle)
{
    Object *object;

    g_mutex_lock(&lock);
    object = by_handle != NULL ? g_hash_table_lookup(by_handle, handle) : NULL;
    if (object != NULL)
        object_keep(object);
    g_mutex_unlock(&lock);
    return object;
}

Object *object_get_any(void *handle)
{
    Object *object;

    if (!objects_begun())
        return NULL;
    object = look_up(handle);
    if (object == NULL)
        fail(GC_ERR_INVALID_HANDLE, "the handle was closed, or is none of this producer's");
    return object;
}

gpointer object_get(void *handle, Kind kind)
{
    Object *object = object_get_any(handle);

    if (object != NULL && object->kind != kind) {
        fail(GC_ERR_INVALID_HANDLE, "wanted the handle of a %s, found one of a %s", kind_names[kind],
             kind_names[object->kind]);
        object_release(object);
        return NULL;
    }
    return object;
}

gpointer object_find(Kind kind, gboolean (*matches)(gconstpointer, gconstpointer), gconstpointer wanted)
{
    GHashTableIter each;
    gpointer value;
    Object *found = NULL;

    g_mutex_lock(&lock);
    if (by_handle != NULL) {
        g_hash_table_iter_init(&each, by_handle);
        while (found == NULL && g_hash_table_iter_next(&each, NULL, &value)) {
            Object *object = value;

            if (object->kind == kind && matches(object, wanted))
                found = object_keep(object);
        }
    }
    g_mutex_unlock(&lock);
    return found;
}

/* Return one object whose parent is `parent`, counted; NULL when there is none left. */
static Object *any_child(const Object *parent)
{
    GHashTableIter each;
    gpointer value;
    Object *child = NULL;

    g_mutex_lock(&lock);
    g_hash_table_iter_init(&each, by_handle);
    while (child == NULL && g_hash_table_iter_next(&each, NULL, &value))
        if (((Object *)value)->parent == parent)
            child = object_keep(value);
    g_mutex_unlock(&lock);
    return child;
}

/* Close an object and all under it; FALSE when another thread does so already. */
static gboolean close_tree(Object *object)
{
    Object *child;
    gboolean ours;

    g_mutex_lock(&lock);
    ours = g_hash_table_remove(by_handle, object->handle);
    g_mutex_unlock(&lock);
    if (!ours)
        return FALSE;
    if (object->closing != NULL)
        object->closing(object);
    while ((child = any_child(object)) != NULL) {
        close_tree(child);
        object_release(child);
    }
    object_release(object); /* the registry's count */
    return TRUE;
}

GC_ERROR object_close(void *handle, Kind kind)
{
    g_autoptr(Object) object = object_get(handle, kind);

    if (object == NULL)
        return last_error();
    if (!close_tree(object))
        return fail(GC_ERR_INVALID_HANDLE, "another thread has closed this handle");
    return GC_ERR_SUCCESS;
}

GC_ERROR objects_end(void)
{
    Object *system;
    gboolean last;

    if (!objects_begun())
        return last_error();
    g_mutex_lock(&lock);
    last = --n_begun == 0;
    g_mutex_unlock(&lock);
    while (last && (system = any_child(NULL)) != NULL) {
        close_tree(system);
        object_release(system);
    }
    return GC_ERR_SUCCESS;
}
