// The five operations of libhandsfree_secrets from Go.
//
//	go run .
//
// The environment selects the backend: SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN, or nothing for the
// env backend.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

func main() {
	log.SetFlags(0)
	manager, err := secrets.Open()
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close()
	if err := run(manager); err != nil {
		manager.Close()
		log.Fatal(err)
	}
}

func run(manager *secrets.Manager) error {
	// One deadline for all five calls.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	metadata := map[string]string{"scopes": "repo,user"}
	reference, err := manager.Store(ctx, "go_quickstart", []byte("first value"), secrets.WithMetadata(metadata))
	if err != nil {
		return err
	}
	fmt.Println("  store   ", reference)
	if err := show(ctx, manager, reference); err != nil {
		return err
	}

	if err := manager.Update(ctx, reference, []byte("second value")); err != nil {
		return err
	}
	if err := show(ctx, manager, reference); err != nil {
		return err
	}

	references, err := manager.List(ctx, "go_")
	if err != nil {
		return err
	}
	for _, listed := range references {
		fmt.Println("  list    ", listed)
	}

	if err := manager.Delete(ctx, reference); err != nil {
		return err
	}
	// A missing secret is ErrNotFound.
	switch _, err := manager.Get(ctx, reference); {
	case err == nil:
		return errors.New("the secret is still there")
	case !errors.Is(err, secrets.ErrNotFound):
		return err
	}
	fmt.Println("  gone     it is not found any more")
	return nil
}

// show prints a secret; a real program would pass token.Bytes() to its database driver.
func show(ctx context.Context, manager *secrets.Manager, reference string) error {
	token, err := manager.Get(ctx, reference)
	if err != nil {
		return err
	}
	defer token.Wipe()
	fmt.Println("  get     ", token.Reveal())
	return nil
}
