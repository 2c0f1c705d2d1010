/* The few words of GVCP, GigE Vision's control protocol, that are spoken without aravis.
 *
 * Everything here goes to one address at a time: no broadcast ever leaves through this file (its socket has
 * no SO_BROADCAST, so the system refuses one).
 */
#ifndef MAVFER_GENTL_GVCP_H
#define MAVFER_GENTL_GVCP_H

#include <glib.h>
#include <netinet/in.h>

#define GVCP_PORT 3956
#define GVCP_CONTROL_PRIVILEGE 0x0a00 /* register: not 0 while an application controls the camera */

/* What a camera says of itself: GigE Vision 2.0, table of the discovery acknowledge. */
typedef struct {
    struct in_addr address;
    char vendor[33];
    char model[33];
    char version[33];
    char serial[17]; /* the MAC address in hexadecimal where the camera gives no serial number */
    char user_name[17];
} GvcpCamera;

typedef enum { GVCP_ANSWERED, GVCP_REFUSED, GVCP_SILENT } GvcpAnswer;

/* Ask all addresses at once who they are; wait at most timeout_ms for the last.
 *
 * Returns GvcpCamera for those that answered, in the order of the addresses; free with g_array_unref. */
GArray *gvcp_discover(const struct in_addr *addresses, guint n_addresses, guint timeout_ms);

/* Read one register from a socket of its own, which needs no control of the camera. */
GvcpAnswer gvcp_read_register(struct in_addr address, guint32 where, guint timeout_ms, guint32 *value);

/* Return the address of this machine that the route to `address` starts from; 0.0.0.0 without a route. */
struct in_addr gvcp_route_from(struct in_addr address);

#endif
