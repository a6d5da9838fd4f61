// Package harness is the harness of Go peers: it prints "ready VALUE" after the first get, then executes one command
// per line of standard input, like bench/peers/c/harness.c. With the arguments `gets N` it gets N times and ends.
package harness

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	path  = "bench/one"
	value = "Wd2mE8hTq5ZrK1xVn7BcYs4LfJ9gPa6uQ3oR0tXi"

	// A document that nginx.py records, with 20 fields whose texts are as long as the value.
	document = "bench/document"
	fields   = 20
)

// Client is the interface of a peer. Paths are relative to the KV mount `secret`.
type Client interface {
	// Get returns the value at a path.
	Get(path string) (string, error)
	// Document gets all fields of a secret, reads the texts of all, and returns their total length.
	Document(path string) (int, error)
	// Store writes a value.
	Store(path, value string) error
	// List counts the secrets in a folder, at any depth.
	List(folder string) (int, error)
	// Batch gets all paths in the fastest way available to a user of the peer, and counts the values.
	Batch(paths []string) (int, error)
}

// LimitedClient is the interface of a peer that leaves it to the program how many of its calls run at once.
type LimitedClient interface {
	// Limit returns how many of many gets run at once.
	Limit() int
}

// TransitClient is the interface of a peer that is measured with the transit engine, too.
type TransitClient interface {
	// Encrypt encrypts a text with the key `bench`.
	Encrypt(text string) error
	// Verify checks the signature of a text, of the key `bench-ed25519`.
	Verify(text, signature string) error
	// EncryptMany encrypts a text several times in the fastest way available, and counts the ciphertexts.
	EncryptMany(text string, count int) (int, error)
}

// CredentialsClient is the interface of a peer that has credentials for a database.
type CredentialsClient interface {
	// Credentials returns the user and the password for a connection that is opened now.
	Credentials(path string) (user, password string, err error)
}

// Serve measures a client until standard input ends.
func Serve(client Client) {
	log.SetFlags(0)
	if len(os.Args) == 3 && os.Args[1] == "gets" {
		for range number(os.Args[2]) {
			get(client)
		}
		return
	}
	first, err := client.Get(path)
	check(err)
	fmt.Println("ready", first)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(obey(client, strings.Fields(lines.Text())))
	}
}

func obey(client Client, words []string) string {
	switch words[0] {
	case "get":
		return oneByOne(number(words[1]), func() { get(client) })
	case "document":
		return oneByOne(number(words[1]), func() { texts(client) })
	case "store":
		return oneByOne(number(words[1]), func() { check(client.Store("bench/stored", value)) })
	case "threads":
		return threads(client, number(words[1]), time.Duration(number(words[2]))*time.Millisecond)
	case "queue":
		return once(func() (int, error) { return goroutines(client, number(words[1])), nil })
	case "list":
		return once(func() (int, error) { return client.List(words[1]) })
	case "batch":
		paths := many(number(words[1]))
		return once(func() (int, error) { return client.Batch(paths) })
	}
	if transit, ok := client.(TransitClient); ok {
		switch words[0] {
		case "encrypt":
			return oneByOne(number(words[1]), func() { check(transit.Encrypt(value)) })
		case "verify":
			signature := os.Getenv("BENCH_SIGNATURE")
			return oneByOne(number(words[1]), func() { check(transit.Verify(value, signature)) })
		case "encrypt-many":
			return once(func() (int, error) { return transit.EncryptMany(value, number(words[1])) })
		}
	}
	if source, ok := client.(CredentialsClient); ok && words[0] == "credentials" {
		start := time.Now()
		user, password, err := source.Credentials(words[1])
		took := time.Since(start)
		check(err)
		return fmt.Sprint(int64(took), " ", user, " ", password)
	}
	log.Fatalf("what is %v?", words)
	return ""
}

func get(client Client) {
	_, err := client.Get(path)
	check(err)
}

func texts(client Client) {
	length, err := client.Document(document)
	check(err)
	if length != fields*len(value) {
		log.Fatalf("the texts of the document have %d bytes", length)
	}
}

func oneByOne(count int, operation func()) string {
	times := make([]time.Duration, count)
	for i := range times {
		start := time.Now()
		operation()
		times[i] = time.Since(start)
	}
	var line strings.Builder
	for _, took := range times {
		line.WriteString(strconv.FormatInt(int64(took), 10) + " ")
	}
	return line.String()
}

func threads(client Client, count int, duration time.Duration) string {
	var gets atomic.Int64
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for range count {
		ready.Add(1)
		done.Add(1)
		go func() {
			defer done.Done()
			get(client) // connects before the clock starts
			ready.Done()
			<-start
			mine := int64(0)
			for begin := time.Now(); time.Since(begin) < duration; mine++ {
				get(client)
			}
			gets.Add(mine)
		}()
	}
	ready.Wait()
	begin := time.Now()
	close(start)
	done.Wait()
	return fmt.Sprint(gets.Load(), " ", int64(time.Since(begin)))
}

// goroutines gets once in each of so many goroutines.
func goroutines(client Client, count int) int {
	slots := make(chan struct{}, count)
	if limited, ok := client.(LimitedClient); ok {
		slots = make(chan struct{}, limited.Limit())
	}
	var done sync.WaitGroup
	for range count {
		done.Add(1)
		go func() {
			defer done.Done()
			slots <- struct{}{}
			get(client)
			<-slots
		}()
	}
	done.Wait()
	return count
}

func once(operation func() (int, error)) string {
	start := time.Now()
	count, err := operation()
	took := time.Since(start)
	check(err)
	return fmt.Sprint(int64(took), " ", count)
}

// many returns the paths of the first of the 10,000 secrets on the server, which have three levels of 25, 20 and 20.
func many(count int) []string {
	paths := make([]string, count)
	for i := range paths {
		paths[i] = fmt.Sprintf("bench/many/%d/%d/%d", i/400, i/20%20, i%20)
	}
	return paths
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	check(err)
	return n
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
