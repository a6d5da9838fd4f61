// Prints the result of Go's verifier for each case on standard input: "ok", or the error.
package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
)

type verification struct {
	Roots         string `json:"roots"`
	Intermediates string `json:"intermediates"`
	Leaf          string `json:"leaf"`
	Host          string `json:"host"`
}

func (v verification) run() error {
	block, _ := pem.Decode([]byte(v.Leaf))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), DNSName: v.Host}
	options.Roots.AppendCertsFromPEM([]byte(v.Roots))
	options.Intermediates.AppendCertsFromPEM([]byte(v.Intermediates))
	_, err = leaf.Verify(options)
	return err
}

func main() {
	var cases []verification
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, one := range cases {
		if err := one.run(); err != nil {
			fmt.Printf("%q\n", err)
		} else {
			fmt.Println("ok")
		}
	}
}
