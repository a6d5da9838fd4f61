// A pool of connections to PostgreSQL, by database/sql, whose user changes under it.
//
//	go run . database/creds/app "host=127.0.0.1 dbname=postgres" 60
//
// The arguments are a role of the database engine, where the database is (without user and password), and for how many
// seconds to query it. The environment names the server: SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

const connections = 4

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: database PATH CONNECTION SECONDS")
	}
	lasting, err := time.ParseDuration(os.Args[3] + "s")
	if err != nil {
		log.Fatal(err)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2], lasting); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, path, dsn string, lasting time.Duration) error {
	manager, err := secrets.Open()
	if err != nil {
		return err
	}
	defer manager.Close()
	credentials, err := manager.Credentials(ctx, path, nil)
	if err != nil {
		return err
	}
	defer credentials.Close()
	connector, err := NewConnector(credentials, dsn)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	err = query(ctx, db, lasting)
	// A program that ends may leave the users to run out, or drop them now, if its policy allows that.
	return errors.Join(err, db.Close(), credentials.Revoke(ctx))
}

// query asks for the user of each connection for a while, and prints how many there were.
func query(ctx context.Context, db *sql.DB, lasting time.Duration) error {
	var (
		mu      sync.Mutex
		queries int
		users   = map[string]bool{}
		failed  []error
		running sync.WaitGroup
		end     = time.Now().Add(lasting)
	)
	for i := 0; i < connections; i++ {
		running.Add(1)
		go func() {
			defer running.Done()
			for time.Now().Before(end) {
				var user string
				err := db.QueryRowContext(ctx, "SELECT current_user").Scan(&user)
				mu.Lock()
				queries++
				if err == nil {
					users[user] = true
				} else {
					failed = append(failed, err)
				}
				mu.Unlock()
				time.Sleep(10 * time.Millisecond)
			}
		}()
	}
	running.Wait()
	fmt.Printf("  %d queries, %d failed, %d users\n", queries, len(failed), len(users))
	return errors.Join(failed...)
}
