// Package secrets stores, gets, updates, deletes and lists secrets in HashiCorp Vault (KV version 1 or 2), or in the
// process environment, through libhandsfree_secrets. The data in Vault is the same as for programs in C, C++ and Python.
//
//	manager, err := secrets.Open() // SECRET_MANAGER_TYPE, VAULT_ADDR, VAULT_TOKEN, … as for every program
//	if err != nil {
//		return err
//	}
//	defer manager.Close()
//
//	token, err := manager.Get(ctx, "vault://github_token_user_123")
//	switch {
//	case errors.Is(err, secrets.ErrNotFound):
//		// nothing there
//	case err != nil:
//		return err
//	}
//	defer token.Wipe()
//	use(token.Bytes())
//
// # Documents
//
// GetDocument gets all fields of one version of a secret, and GetInto decodes them into a struct. StoreDocument and
// UpdateDocument write Fields; with WithCAS they write only if nobody else has written since. Versions, Rollback and
// Rotate are about the versions of a secret, and Request reaches every other endpoint of the server.
//
// # Transit
//
// Manager.Transit opens a key of the transit engine, with which the server encrypts, decrypts, signs and makes data
// keys. EncryptMany, DecryptMany and RewrapMany take thousands of items. EncryptEnvelope, EnvelopeWriter and their
// counterparts encrypt data of any size in the program, with a data key of the server.
//
// # Contexts
//
// The deadline of a context is the deadline of the call, which includes connecting, TLS, sending, waiting and all
// retries. Without a deadline the timeout is VAULT_CLIENT_TIMEOUT (60 s by default). Cancelling the context ends the
// call within 100 ms, except during a name lookup. The error matches ErrCancelled or ErrTimeout, and context.Canceled
// or context.DeadlineExceeded.
//
// A store, update or delete that ended with ErrTimeout, ErrCancelled, ErrConnection or ErrUnavailable may have happened.
//
// # Goroutines
//
// Any number of goroutines may use a Manager or a Transit at once. A call occupies an operating system thread while it
// waits for the server, so the number of calls that run at once is limited (WithMaxCalls). Other calls wait until one
// ends or their context does. With WithQueue the calls go through a queue of the library, whose threads make them: a
// goroutine that waits occupies none. A Watch that waits never does.
//
// # Linking
//
// The package finds the library with pkg-config: `pkg-config --libs handsfree_secrets` has to work. With the build tag
// static_link it links the static library, using handsfree_secrets-static.
package secrets
