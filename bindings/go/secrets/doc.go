// Package secrets stores, gets, updates, deletes and lists secrets in HashiCorp Vault (KV version 2), or in the process
// environment, through libhandsfree_secrets. The data in Vault is the same that programs in C, C++ and Python see.
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
// # Contexts
//
// A context's deadline becomes the call's deadline: it covers connecting, TLS, sending, waiting and all retries. It
// stands in place of VAULT_CLIENT_TIMEOUT (60 s where nothing is set), which holds for contexts without a deadline.
// Cancelling the context ends the call within 100 ms, name resolution excepted. The error then is ErrCancelled or
// ErrTimeout, and context.Canceled or context.DeadlineExceeded as well.
//
// A store, update or delete that ended with ErrTimeout, ErrCancelled, ErrConnection or ErrUnavailable may have happened.
//
// # Goroutines
//
// A Manager is for any number of goroutines at once. A call holds an operating system thread while it waits for the
// server, so only so many run at once (WithMaxCalls); the others wait, and give up when their context ends.
//
// # Linking
//
// The package finds the library with pkg-config: `pkg-config --libs handsfree_secrets` has to work. The build tag
// static_link links the static library by handsfree_secrets-static in its place.
package secrets
