package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"
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

// With Vault the struct has a field for each of the secret's, such as Username and Port. The env backend has one.
func ExampleManager_GetInto() {
	manager, err := secrets.Open(secrets.WithOption("SECRET_MANAGER_TYPE", "env"))
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close()

	ctx := context.Background()
	fields := secrets.NewFields().Set("value", []byte("example"))
	defer fields.Wipe()
	reference, _, err := manager.StoreDocument(ctx, "db", fields)
	if err != nil {
		log.Fatal(err)
	}
	var database struct {
		Password secrets.Secret `json:"value"`
	}
	if err := manager.GetInto(ctx, reference, &database); err != nil {
		log.Fatal(err)
	}
	defer database.Password.Wipe()
	fmt.Println(database, database.Password.Len())
	// Output: {[redacted]} 7
}

func ExampleDocument_Names() {
	manager, err := secrets.Open(secrets.WithOption("SECRET_MANAGER_TYPE", "env"))
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close()

	ctx := context.Background()
	reference, err := manager.Store(ctx, "db", []byte("example"))
	if err != nil {
		log.Fatal(err)
	}
	document, err := manager.GetDocument(ctx, reference)
	if err != nil {
		log.Fatal(err)
	}
	defer document.Wipe()
	for _, name := range document.Names() {
		text, err := document.Text(name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name, document.Kind(name), text.Len())
		text.Wipe()
	}
	// Output: value string 7
}

// A counter that several programs increment without losing a step.
func ExampleWithCAS() {
	manager, err := secrets.Open()
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close()

	increment := func(ctx context.Context) error {
		document, err := manager.GetDocument(ctx, "vault://counter")
		if err != nil {
			return err
		}
		defer document.Wipe()
		var counter struct {
			Count int `json:"count"`
		}
		if err := document.Unmarshal(&counter); err != nil {
			return err
		}
		fields := secrets.NewFields().SetJSON("count", []byte(strconv.Itoa(counter.Count+1)))
		defer fields.Wipe()
		_, err = manager.UpdateDocument(ctx, "vault://counter", fields, secrets.WithCAS(document.Version()))
		return err
	}
	for {
		if err := increment(context.Background()); !errors.Is(err, secrets.ErrConflict) {
			fmt.Println(err)
			return
		}
	}
}
