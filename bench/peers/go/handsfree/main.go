// This library, used from Go. With the argument queue its calls go through a queue.
package main

import (
	"context"
	"log"
	"os"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"

	"github.com/handsfree/libhandsfree_secrets/bench/peers/go/harness"
)

// queued is how many calls are under way at a time with the argument queue.
const queued = 32

type client struct {
	manager *secrets.Manager
	sources map[string]*secrets.Credentials
}

func (c client) Get(path string) (string, error) {
	secret, err := c.manager.Get(context.Background(), "vault://"+path)
	if err != nil {
		return "", err
	}
	defer secret.Wipe()
	return secret.Reveal(), nil
}

func (c client) Document(path string) (int, error) {
	document, err := c.manager.GetDocument(context.Background(), "vault://"+path)
	if err != nil {
		return 0, err
	}
	defer document.Wipe()
	length := 0
	for _, name := range document.Names() {
		text, err := document.Text(name)
		if err != nil {
			return 0, err
		}
		length += len(text.Bytes())
		text.Wipe()
	}
	return length, nil
}

func (c client) Store(path, value string) error {
	_, err := c.manager.Store(context.Background(), path, []byte(value))
	return err
}

func (c client) List(folder string) (int, error) {
	references, err := c.manager.List(context.Background(), folder)
	return len(references), err
}

func (c client) Batch(paths []string) (int, error) {
	references := make([]string, len(paths))
	for i, path := range paths {
		references[i] = "vault://" + path
	}
	results, err := c.manager.GetMany(context.Background(), references)
	found := 0
	for _, result := range results {
		if result.Err == nil {
			result.Secret.Wipe()
			found++
		}
	}
	return found, err
}

func (c client) Credentials(path string) (string, string, error) {
	source := c.sources[path]
	if source == nil {
		opened, err := c.manager.Credentials(context.Background(), path, nil)
		if err != nil {
			return "", "", err
		}
		source, c.sources[path] = opened, opened
	}
	lease, err := source.Get(context.Background())
	if err != nil {
		return "", "", err
	}
	defer lease.Close()
	fields := lease.Fields()
	defer fields.Wipe()
	user, err := text(fields, "username")
	if err != nil {
		return "", "", err
	}
	password, err := text(fields, "password")
	return user, password, err
}

func text(fields *secrets.Document, name string) (string, error) {
	secret, err := fields.Text(name)
	if err != nil {
		return "", err
	}
	defer secret.Wipe()
	return secret.Reveal(), nil
}

func main() {
	var options []secrets.Option
	if len(os.Args) == 2 && os.Args[1] == "queue" {
		options = append(options, secrets.WithQueue(queued))
	}
	manager, err := secrets.Open(options...)
	if err != nil {
		log.Fatal(err)
	}
	harness.Serve(client{manager, map[string]*secrets.Credentials{}})
}
