package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

// The whole of it: open, store, get. With SECRET_MANAGER_TYPE=vault, VAULT_ADDR and VAULT_TOKEN in the environment the
// options can go, and the reference is vault://github_token_user_123.
func Example() {
	manager, err := secrets.Open(secrets.WithOption("SECRET_MANAGER_TYPE", "env"))
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	reference, err := manager.Store(ctx, "github_token_user_123", []byte("ghp_example"))
	if err != nil {
		log.Fatal(err)
	}
	token, err := manager.Get(ctx, reference)
	if err != nil {
		log.Fatal(err)
	}
	defer token.Wipe()
	fmt.Println(reference, token, len(token.Bytes()))
	// Output: env://HANDSFREE_SECRET_GITHUB_TOKEN_USER_123 [redacted] 11
}

func ExampleManager_Get_notFound() {
	manager, err := secrets.Open(secrets.WithOption("SECRET_MANAGER_TYPE", "env"))
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close()

	_, err = manager.Get(context.Background(), "env://HANDSFREE_SECRET_NO_SUCH_THING")
	fmt.Println(errors.Is(err, secrets.ErrNotFound))
	// Output: true
}

func ExampleError() {
	_, err := secrets.Open(secrets.WithoutEnvironment(), secrets.WithVault(""))

	var failure *secrets.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Status, failure.HTTPStatus)
	}
	// Output: HF_ERR_CONFIG 0
}

func ExampleManager_GetMany() {
	manager, err := secrets.Open(secrets.WithOption("SECRET_MANAGER_TYPE", "env"))
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close()

	ctx := context.Background()
	if _, err := manager.StoreMany(ctx, []secrets.Item{{Key: "db_password", Value: []byte("example")}}); err != nil {
		log.Fatal(err)
	}
	references := []string{"env://HANDSFREE_SECRET_DB_PASSWORD", "env://HANDSFREE_SECRET_NO_SUCH_THING"}
	results, err := manager.GetMany(ctx, references)
	if err != nil {
		log.Fatal(err)
	}
	for index, result := range results {
		defer result.Secret.Wipe()
		fmt.Println(references[index], result.Secret.Len(), errors.Is(result.Err, secrets.ErrNotFound))
	}
	// Output:
	// env://HANDSFREE_SECRET_DB_PASSWORD 7 false
	// env://HANDSFREE_SECRET_NO_SUCH_THING 0 true
}
