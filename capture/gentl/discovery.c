/* Which cameras are there: by aravis' broadcast, or, where addresses are given, by asking only these. */
#include <arpa/inet.h>
#include <string.h>

#include "modules.h"

#define LONGEST_MS 1000 /* for an address where nobody is; a camera on a local network answers within a few */
#define DETAILS_MS 300  /* for more about a camera that has answered already */

/* FALSE for an address that many would hear, or nobody. */
static gboolean is_of_one(struct in_addr address)
{
    guint32 number = ntohl(address.s_addr);

    return number != INADDR_ANY && number != INADDR_BROADCAST && !IN_MULTICAST(number);
}

/* Read the addresses from the environment's text; NULL with the error kept if one is none. */
static GArray *addresses_from(const char *text)
{
    GArray *addresses = g_array_new(FALSE, TRUE, sizeof(struct in_addr));
    g_auto(GStrv) words = g_strsplit_set(text, " ,;", -1);

    for (char **word = words; *word != NULL; word++) {
        struct in_addr address;
        gboolean again = FALSE;

        if (**word == 0)
            continue;
        if (inet_pton(AF_INET, *word, &address) != 1 || !is_of_one(address)) {
            fail(GC_ERR_INVALID_PARAMETER,
                 ADDRESS_VARIABLE " wants IPv4 addresses of single cameras, found \"%s\"", *word);
            g_array_unref(addresses);
            return NULL;
        }
        for (guint i = 0; i < addresses->len; i++)
            again = again || g_array_index(addresses, struct in_addr, i).s_addr == address.s_addr;
        if (!again)
            g_array_append_val(addresses, address);
    }
    return addresses;
}

static struct in_addr *raw(GArray *addresses)
{
    return (struct in_addr *)(void *)addresses->data;
}

static GArray *ask_addresses(const char *text, guint timeout_ms)
{
    g_autoptr(GArray) addresses = addresses_from(text);
    g_autoptr(GArray) cameras = NULL;
    GArray *found;

    if (addresses == NULL)
        return NULL;
    cameras = gvcp_discover(raw(addresses), addresses->len, MIN(timeout_ms, LONGEST_MS));
    found = g_array_new(FALSE, TRUE, sizeof(Found));
    for (guint i = 0; i < cameras->len; i++) {
        Found one = {.camera = g_array_index(cameras, GvcpCamera, i), .by_aravis = FALSE};

        g_snprintf(one.id, sizeof one.id, "%s-%s-%s", one.camera.vendor, one.camera.model, one.camera.serial);
        g_array_append_val(found, one);
    }
    return found;
}

static void copy_known(char *to, size_t n_bytes, const char *from)
{
    g_strlcpy(to, from != NULL ? from : "", n_bytes);
}

static gint by_address(gconstpointer a, gconstpointer b)
{
    guint32 first = ntohl(((const Found *)a)->camera.address.s_addr);
    guint32 second = ntohl(((const Found *)b)->camera.address.s_addr);

    return first < second ? -1 : first > second;
}

GMutex aravis_lock;

/* Ask aravis, which sends a broadcast through every network card. */
static GArray *ask_everybody(void)
{
    GArray *found = g_array_new(FALSE, TRUE, sizeof(Found));
    g_autoptr(GArray) addresses = g_array_new(FALSE, TRUE, sizeof(struct in_addr));
    g_autoptr(GArray) cameras = NULL;

    g_mutex_lock(&aravis_lock);
    arv_update_device_list();
    for (guint i = 0; i < arv_get_n_devices(); i++) {
        Found one = {.by_aravis = TRUE};
        const char *address = arv_get_device_address(i);

        if (address == NULL || inet_pton(AF_INET, address, &one.camera.address) != 1)
            continue;
        copy_known(one.id, sizeof one.id, arv_get_device_id(i));
        copy_known(one.camera.vendor, sizeof one.camera.vendor, arv_get_device_vendor(i));
        copy_known(one.camera.model, sizeof one.camera.model, arv_get_device_model(i));
        copy_known(one.camera.serial, sizeof one.camera.serial, arv_get_device_serial_nbr(i));
        g_array_append_val(found, one);
        g_array_append_val(addresses, one.camera.address);
    }
    g_mutex_unlock(&aravis_lock);

    /* aravis does not tell a camera's version and user's name: ask it, unless it is in another subnet. */
    cameras = gvcp_discover(raw(addresses), addresses->len, DETAILS_MS);
    for (guint i = 0; i < cameras->len; i++)
        for (guint k = 0; k < found->len; k++) {
            Found *one = &g_array_index(found, Found, k);

            if (one->camera.address.s_addr == g_array_index(cameras, GvcpCamera, i).address.s_addr)
                one->camera = g_array_index(cameras, GvcpCamera, i);
        }
    g_array_sort(found, by_address); /* aravis lists them as they come */
    return found;
}

GArray *discover(guint timeout_ms)
{
    const char *text = g_getenv(ADDRESS_VARIABLE);

    if (text != NULL && text[0] != 0)
        return ask_addresses(text, timeout_ms);
    return ask_everybody();
}
