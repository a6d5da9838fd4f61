package secrets

// The C functions are in a separate file, because in a file with exported Go functions the preamble may only contain
// declarations.

/*
#include <handsfree_secrets.h>
#include <stdint.h>

extern void handsfreeSecretsLog(int32_t level, char *message, uintptr_t logger);
extern void handsfreeSecretsLogEnd(uintptr_t logger);

static void log_line(int32_t level, const char *message, void *logger) {
	handsfreeSecretsLog(level, (char *)message, (uintptr_t)logger);
}

static void log_end(void *logger) {
	handsfreeSecretsLogEnd((uintptr_t)logger);
}

static hf_status set_log_callback(hf_options *options, uintptr_t logger, int32_t max_level, hf_error **error) {
	return hf_options_set_log_callback(options, log_line, (void *)logger, log_end, max_level, error);
}
*/
import "C"

import (
	"log/slog"
	"runtime/cgo"
)

// attachLogger keeps the logger alive for the options, and for the manager opened from them, until the library releases
// it.
func attachLogger(options *C.hf_options, logger *slog.Logger) error {
	handle := cgo.NewHandle(logger)
	var cError *C.hf_error
	status := C.set_log_callback(options, C.uintptr_t(handle), verbosity(logger), &cError)
	return takeError(status, cError)
}
