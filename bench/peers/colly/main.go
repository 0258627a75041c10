// Colly, asynchronous, with its storage in memory: colly URL DIRECTORY
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"log"
	"os"
	"path/filepath"

	"github.com/gocolly/colly/v2"
)

func main() {
	url, directory := os.Args[1], os.Args[2]
	if err := os.MkdirAll(directory, 0o755); err != nil {
		log.Fatal(err)
	}
	crawler := colly.NewCollector(colly.Async(true), colly.MaxBodySize(0))
	if err := crawler.Limit(&colly.LimitRule{DomainGlob: "*", Parallelism: 32}); err != nil {
		log.Fatal(err)
	}
	crawler.OnHTML("a[href]", func(element *colly.HTMLElement) {
		_ = element.Request.Visit(element.Attr("href"))
	})
	crawler.OnResponse(func(response *colly.Response) {
		if bytes.HasPrefix(response.Body, []byte("%PDF-")) {
			sum := sha256.Sum256(response.Body)
			name := filepath.Join(directory, hex.EncodeToString(sum[:])+".pdf")
			if err := os.WriteFile(name, response.Body, 0o644); err != nil {
				log.Fatal(err)
			}
		}
	})
	if err := crawler.Visit(url); err != nil {
		log.Fatal(err)
	}
	crawler.Wait()
}
