/* Where the registers of a handle are: in the camera, or here. */
#ifndef MAVFER_GENTL_PORT_H
#define MAVFER_GENTL_PORT_H

#include "object.h"

#define URL_BYTES 512 /* the size of GigE Vision's URL registers, which is the longest there is */

/* local_port.c: the registers of the producer's own modules, with the XML that describes them. */
GC_ERROR local_read(Object *module, uint64_t address, void *value, size_t *size);
GC_ERROR local_write(Object *module, uint64_t address, const void *value, size_t *size);
void local_url(const Object *module, char url[URL_BYTES + 1]);
const char *local_module_name(const Object *module);

/* remote_port.c: the registers of the camera. */
GC_ERROR remote_read(Object *port, uint64_t address, void *value, size_t *size);
GC_ERROR remote_write(Object *port, uint64_t address, const void *value, size_t *size);
GC_ERROR remote_url(Object *port, uint32_t index, char url[URL_BYTES + 1]);

#endif
