/* CRC-32C (Castagnoli), as TensorFlow's records and iSCSI (RFC 3720) use it; zlib's is another one. */
#ifndef RV_STORE_CRC32C_H
#define RV_STORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t rv_crc32c(const void *data, size_t bytes);

#endif
