// What a user who wants it fast would write instead: one pass over the lines, and the standard
// library's JSON.
//
//	go run benches/peer.go DUMP > records.ndjson
//
// It extracts what peer.py does and drops repeats within a page; it makes no checks, tells no
// places, and knows no other form of a page than the usual one. `compare` holds its counts
// against those of citesift.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

type statement struct {
	Text       string `json:"text"`
	Section    string `json:"section"`
	Type       string `json:"type"`
	Confidence int    `json:"confidence"`
}

type record struct {
	Doi        string      `json:"doi"`
	Year       int         `json:"year"`
	Title      string      `json:"title"`
	Tallies    []int       `json:"tallies"`
	Cited      []int       `json:"cited"`
	Statements []statement `json:"statements"`
}

// What the next lines are.
const (
	between = iota
	title
	tallies
)

var kinds = [][]byte{
	[]byte("mentioning"), []byte("supporting"), []byte("contrasting"), []byte("unclassified"),
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(file, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)

	var page record
	var text, before []byte
	seen := map[statement]bool{}
	expects := between
	end := func() error {
		if page.Doi == "" {
			return nil
		}
		return encoder.Encode(&page)
	}
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) || (err != nil && !errors.Is(err, io.EOF)) {
			return err
		}
		isEnd := err != nil
		line = bytes.TrimSuffix(line, []byte("\n"))
		switch {
		case bytes.HasPrefix(line, []byte("DOI: 10.")):
			if err := end(); err != nil {
				return err
			}
			year, _ := strconv.Atoi(string(before))
			page = record{Doi: string(bytes.ToLower(line[5:])), Year: year}
			for key := range seen {
				delete(seen, key)
			}
			expects = title
		case bytes.HasPrefix(line, []byte("“…")):
			text = append(text[:0], bytes.TrimSuffix(line[len("“…"):], []byte("…”"))...)
		case bytes.HasPrefix(line, []byte("Section: ")):
			next := statement{Text: string(text)}
			next.Section, next.Type = section(line[len("Section: "):])
			page.Statements = append(page.Statements, next)
		case bytes.HasPrefix(line, []byte("confidence: ")) && len(page.Statements) > 0:
			last := &page.Statements[len(page.Statements)-1]
			last.Confidence, _ = strconv.Atoi(string(bytes.TrimSuffix(line[12:], []byte("%"))))
			if seen[*last] {
				page.Statements = page.Statements[:len(page.Statements)-1]
			} else {
				seen[*last] = true
			}
		case bytes.Equal(line, []byte("Citation Types")):
			expects = tallies
		case bytes.HasPrefix(line, []byte("Cited by ")):
			page.Cited = append(page.Cited, number(line[9:]))
		case bytes.HasSuffix(line, []byte(" citation statements)")):
			page.Cited = append(page.Cited, number(line[1:]))
		case len(line) == 0:
			if expects == tallies && len(page.Tallies) > 0 {
				expects = between
			}
		case expects == title && !bytes.HasPrefix(line, []byte("|")) &&
			!bytes.HasPrefix(line, []byte("Sign up")):
			page.Title = string(line)
			expects = between
		case expects == tallies:
			page.Tallies = append(page.Tallies, number(line))
		}
		before = append(before[:0], line...)
		if isEnd {
			if err := end(); err != nil {
				return err
			}
			return out.Flush()
		}
	}
}

// The heading and the type that is glued to it.
func section(printed []byte) (string, string) {
	for _, kind := range kinds {
		if heading := bytes.TrimSuffix(printed, kind); len(heading) < len(printed) {
			return string(bytes.TrimRight(heading, " ")), string(kind)
		}
	}
	return string(printed), ""
}

// The count at the beginning of a text.
func number(text []byte) int {
	value := 0
	for _, digit := range text {
		if digit >= '0' && digit <= '9' {
			value = 10*value + int(digit-'0')
		} else if digit != ',' {
			break
		}
	}
	return value
}
