// HashiCorp's client, used as its documentation shows.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"log"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/vault/api"

	"github.com/handsfree/libhandsfree_secrets/bench/peers/go/harness"
)

// The number of requests in flight of a batch or a list.
const concurrency = 8

// How many items a request to the transit engine takes: OpenBao's limit is 1,000 names and texts.
const itemsOfRequest = 494

type client struct {
	vault   *api.Client
	kv      *api.KVv2
	logical *api.Logical
	watched *watched
}

// watched holds the credentials of a path, which watch keeps valid from the first use on.
type watched struct {
	start   sync.Once
	ready   chan struct{}
	current atomic.Pointer[api.Secret]
}

func (c client) Get(path string) (string, error) {
	secret, err := c.kv.Get(context.Background(), path)
	if err != nil {
		return "", err
	}
	return secret.Data["value"].(string), nil
}

func (c client) Document(path string) (int, error) {
	secret, err := c.kv.Get(context.Background(), path)
	if err != nil {
		return 0, err
	}
	length := 0
	for _, field := range secret.Data {
		length += len(field.(string))
	}
	return length, nil
}

func (c client) Store(path, value string) error {
	_, err := c.kv.Put(context.Background(), path, map[string]any{"value": value})
	return err
}

// List walks the folders with several requests in flight, as a user with goroutines would.
func (c client) List(folder string) (int, error) {
	var count atomic.Int64
	var failure atomic.Value
	var walkers sync.WaitGroup
	slots := make(chan struct{}, concurrency)
	var walk func(folder string)
	walk = func(folder string) {
		defer walkers.Done()
		slots <- struct{}{}
		answer, err := c.logical.List("secret/metadata/" + folder)
		<-slots
		if err != nil {
			failure.Store(err)
			return
		}
		keys, _ := answer.Data["keys"].([]any)
		for _, key := range keys {
			if name := key.(string); strings.HasSuffix(name, "/") {
				walkers.Add(1)
				go walk(folder + "/" + strings.TrimSuffix(name, "/"))
			} else {
				count.Add(1)
			}
		}
	}
	walkers.Add(1)
	walk(folder)
	walkers.Wait()
	err, _ := failure.Load().(error)
	return int(count.Load()), err
}

func (c client) Batch(paths []string) (int, error) {
	var count atomic.Int64
	var failure atomic.Value
	var workers sync.WaitGroup
	waiting := make(chan string)
	for range concurrency {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for path := range waiting {
				if _, err := c.Get(path); err != nil {
					failure.Store(err)
				} else {
					count.Add(1)
				}
			}
		}()
	}
	for _, path := range paths {
		waiting <- path
	}
	close(waiting)
	workers.Wait()
	err, _ := failure.Load().(error)
	return int(count.Load()), err
}

// Limit implements harness.LimitedClient.
func (c client) Limit() int { return 32 }

func encoded(text string) string {
	return base64.StdEncoding.EncodeToString([]byte(text))
}

func (c client) Encrypt(text string) error {
	answer, err := c.logical.Write("transit/encrypt/bench", map[string]any{"plaintext": encoded(text)})
	if err == nil && answer.Data["ciphertext"] == nil {
		err = errors.New("no ciphertext")
	}
	return err
}

func (c client) Verify(text, signature string) error {
	input := map[string]any{"input": encoded(text), "signature": signature}
	answer, err := c.logical.Write("transit/verify/bench-ed25519", input)
	if err == nil && answer.Data["valid"] != true {
		err = errors.New("not valid")
	}
	return err
}

// EncryptMany sends one request after the other.
func (c client) EncryptMany(text string, count int) (int, error) {
	made := 0
	for left := count; left > 0; left -= itemsOfRequest {
		items := make([]map[string]any, min(itemsOfRequest, left))
		for i := range items {
			items[i] = map[string]any{"plaintext": encoded(text)}
		}
		answer, err := c.logical.Write("transit/encrypt/bench", map[string]any{"batch_input": items})
		if err != nil {
			return made, err
		}
		results, _ := answer.Data["batch_results"].([]any)
		for _, result := range results {
			if result.(map[string]any)["ciphertext"] != nil {
				made++
			}
		}
	}
	return made, nil
}

// Credentials returns those that watch has obtained last.
func (c client) Credentials(path string) (string, string, error) {
	c.watched.start.Do(func() { go c.watch(path) })
	<-c.watched.ready
	data := c.watched.current.Load().Data
	return data["username"].(string), data["password"].(string), nil
}

// watch obtains credentials, has a LifetimeWatcher renew them, and obtains others when that ends, as HashiCorp's example
// of an application (hello-vault-go) does.
func (c client) watch(path string) {
	for first := true; ; first = false {
		secret, err := c.logical.Read(path)
		if err != nil || secret == nil {
			log.Fatal(path, ": ", err)
		}
		c.watched.current.Store(secret)
		if first {
			close(c.watched.ready)
		}
		watcher, err := c.vault.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: secret})
		if err != nil {
			log.Fatal(err)
		}
		go watcher.Start()
		for isLive := true; isLive; {
			select {
			case <-watcher.DoneCh():
				isLive = false
			case <-watcher.RenewCh():
			}
		}
		watcher.Stop()
	}
}

func main() {
	// Reads VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT.
	config := api.DefaultConfig()
	if config.Error != nil {
		log.Fatal(config.Error)
	}
	// By default it keeps one idle connection more than there are processors: too few for many goroutines.
	if transport, ok := config.HttpClient.Transport.(*http.Transport); ok {
		transport.MaxIdleConnsPerHost = 64
	}
	vault, err := api.NewClient(config)
	if err != nil {
		log.Fatal(err)
	}
	credentials := &watched{ready: make(chan struct{})}
	harness.Serve(client{vault: vault, kv: vault.KVv2("secret"), logical: vault.Logical(), watched: credentials})
}
