/* alloctrace_form.h - the bytes of memkit.trace/1, for its writer and its reader. */
#ifndef MK_ALLOCTRACE_FORM_H
#define MK_ALLOCTRACE_FORM_H

#include "trace_bytes.h"

#define MK_AT_MAGIC "memkit.trace/1\0" /* 16 bytes, with the two zeroes */
#define MK_AT_MAGIC_BYTES 16u
#define MK_AT_BLOCK_BYTES 48u
#define MK_AT_PAYLOAD_MAX 65536u
#define MK_AT_EVENT_MAX 52u
#define MK_AT_CLOSING_BYTES 80u
#define MK_AT_THREADS_MAX (1u << 24)
#define MK_AT_BLOCK_TAG MK_RECORD_BLOCK_TAG
#define MK_AT_CLOSING_TAG MK_RECORD_CLOSING_TAG

/* In an event's first byte, above the code. */
#define MK_AT_CODE 0x0fu
#define MK_AT_TAKEN_CROSSES 0x10u
#define MK_AT_GIVEN_CROSSES 0x20u
#define MK_AT_HAS_GAP 0x40u  /* events of other threads stand between it and the one before it: how many */
#define MK_AT_HAS_TIME 0x80u /* ns since the one before it */

#endif
