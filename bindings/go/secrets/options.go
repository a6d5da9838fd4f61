package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"log/slog"
	"strconv"
	"time"
)

// defaultMaxCalls is far below the 10,000 threads at which the Go runtime ends a program, and enough to keep a server
// busy: at 1 ms a call it is 64,000 calls a second.
const defaultMaxCalls = 64

// An Option of Open.
type Option func(*settings)

type settings struct {
	isolated bool
	values   []setting
	logger   *slog.Logger
	maxCalls int
	hasLimit bool // maxCalls was set
	// concurrency is that of the queue, nil without one.
	concurrency *int
}

type setting struct{ name, value string }

func (s *settings) set(name, value string) {
	s.values = append(s.values, setting{name, value})
}

// WithOption sets any option of the library. Its name is that of an environment variable, such as VAULT_CACERT, which
// it overrides; an empty value means the default. Open refuses an unknown name. With VAULT_ADDR, set
// SECRET_MANAGER_TYPE too, or use WithVault.
func WithOption(name, value string) Option {
	return func(s *settings) { s.set(name, value) }
}

// WithVault selects the vault backend at this address, such as https://vault.example.com:8200.
func WithVault(address string) Option {
	return func(s *settings) {
		s.set("SECRET_MANAGER_TYPE", "vault")
		s.set("VAULT_ADDR", address)
	}
}

// WithToken authenticates with a token.
func WithToken(token string) Option { return WithOption("VAULT_TOKEN", token) }

// WithAppRole authenticates with an AppRole.
func WithAppRole(roleID, secretID string) Option {
	return func(s *settings) {
		s.set("VAULT_ROLE_ID", roleID)
		s.set("VAULT_SECRET_ID", secretID)
	}
}

// WithMount names the mount of the KV engine; the default is "secret".
func WithMount(mount string) Option { return WithOption("VAULT_MOUNT", mount) }

// WithNamespace names the namespace of Vault Enterprise or OpenBao.
func WithNamespace(namespace string) Option { return WithOption("VAULT_NAMESPACE", namespace) }

// WithCache keeps answers to serve them again: for ttl without a request, and for stale while the server cannot be asked.
// 0 turns either off. Document.Age tells how old an answer is, ContextWithMaxAge bounds it for one call.
func WithCache(ttl, stale time.Duration) Option {
	return func(s *settings) {
		s.set("VAULT_CACHE_TTL", ttl.String())
		s.set("VAULT_CACHE_STALE_TTL", stale.String())
	}
}

// WithoutEnvironment opens the manager from its options only, without reading the environment.
func WithoutEnvironment() Option {
	return func(s *settings) { s.isolated = true }
}

// WithLogger sends the library's log lines to logger instead of standard error. The level that the logger accepts is
// determined once, when the manager is opened. Levels map to those of slog with the same name; trace is LevelTrace. A
// panic of the logger's handler is recovered, and the line is lost.
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings) { s.logger = logger }
}

// WithMaxCalls sets how many calls of the manager may run at once, each of which occupies a thread; the default is 64.
// Other calls wait until one ends or their context does.
func WithMaxCalls(limit int) Option {
	return func(s *settings) { s.maxCalls, s.hasLimit = limit, true }
}

// WithQueue has all calls of the manager go through a queue of the library, so that a goroutine that waits for the server
// occupies no thread. concurrency, from 1 to 64, is how many of them are under way at once, each in a thread of the
// library; others wait for their turn, and their deadlines count. It takes the place of WithMaxCalls, which is refused
// beside it. docs/go.md says when it is of use.
func WithQueue(concurrency int) Option {
	return func(s *settings) { s.concurrency = &concurrency }
}

func newSettings(options []Option) (*settings, error) {
	s := &settings{maxCalls: defaultMaxCalls}
	for _, option := range options {
		option(s)
	}
	if s.concurrency != nil && s.hasLimit {
		return nil, invalidArgument("WithMaxCalls and WithQueue exclude each other: both limit the calls that run at once")
	}
	if s.maxCalls < 1 {
		return nil, invalidArgument("WithMaxCalls needs at least 1, not " + strconv.Itoa(s.maxCalls))
	}
	return s, nil
}

// build creates the C options, which the caller frees even if there is an error.
func (s *settings) build() (*C.hf_options, error) {
	var options *C.hf_options
	if s.isolated {
		options = C.hf_options_new_isolated()
	} else {
		options = C.hf_options_new()
	}
	for _, setting := range s.values {
		if err := setting.apply(options); err != nil {
			return options, err
		}
	}
	if s.logger != nil {
		return options, attachLogger(options, s.logger)
	}
	return options, nil
}

func (s setting) apply(options *C.hf_options) error {
	name, err := newCString("option's name", s.name)
	if err != nil {
		return err
	}
	value, err := newCString("value of "+s.name, s.value)
	if err != nil {
		return err
	}
	defer value.wipe()
	var cError *C.hf_error
	return takeError(C.hf_options_set(options, name.pointer(), value.pointer(), &cError), cError)
}
