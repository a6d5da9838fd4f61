package secrets

// #include <handsfree_secrets.h>
// #include <stdint.h>
//
// extern void handsfreeSecretsLog(int32_t level, char *message, uintptr_t logger);
// extern void handsfreeSecretsLogEnd(uintptr_t logger);
import "C"

import (
	"context"
	"log/slog"
	"runtime/cgo"
)

// LevelTrace is the level of the library's trace lines: below slog.LevelDebug.
const LevelTrace = slog.LevelDebug - 4

// slogLevels maps the library's levels, most verbose last.
var slogLevels = []struct {
	library C.int32_t
	slog    slog.Level
}{
	{C.HF_LOG_ERROR, slog.LevelError},
	{C.HF_LOG_WARN, slog.LevelWarn},
	{C.HF_LOG_INFO, slog.LevelInfo},
	{C.HF_LOG_DEBUG, slog.LevelDebug},
	{C.HF_LOG_TRACE, LevelTrace},
}

// verbosity returns the most verbose level of the library that the logger accepts.
func verbosity(logger *slog.Logger) C.int32_t {
	most := C.int32_t(C.HF_LOG_OFF)
	for _, level := range slogLevels {
		if logger.Enabled(context.Background(), level.slog) {
			most = level.library
		}
	}
	return most
}

// slogLevel treats an unknown level of a newer library as the most verbose one.
func slogLevel(library C.int32_t) slog.Level {
	for _, level := range slogLevels {
		if level.library == library {
			return level.slog
		}
	}
	return LevelTrace
}

// handsfreeSecretsLog receives the library's log lines, on the thread of the call that they belong to.
//
//export handsfreeSecretsLog
func handsfreeSecretsLog(level C.int32_t, message *C.char, logger C.uintptr_t) {
	// A panic must not unwind through the frames of the library, because it would leave their locks held.
	defer func() { _ = recover() }()
	cgo.Handle(logger).Value().(*slog.Logger).Log(context.Background(), slogLevel(level), C.GoString(message))
}

// handsfreeSecretsLogEnd is called once, after the last line.
//
//export handsfreeSecretsLogEnd
func handsfreeSecretsLogEnd(logger C.uintptr_t) {
	cgo.Handle(logger).Delete()
}
