// Command loadgen drives one etcd endpoint with the official client and prints what it saw as
// one JSON object. It knows nothing of which server answers; comparing is the caller's work.
// Each command takes -cacert, -cert and -key, where the server wants TLS.
//
//	loadgen load  -endpoint URL -op put|get|get-rev|range|txn|grant|keepalive [-workers N ...]
//	loadgen crowd -endpoint URL -op put|get [-conns N -workers N ...]
//	loadgen posts -endpoint URL -op put|get [-conns N ...]
//	loadgen fill  -endpoint URL -from A -to B [-batch 120]
//	loadgen grow  -endpoint URL -index I -times N
//	loadgen compact -endpoint URL
//	loadgen fanout -endpoint URL -watchers N -puts M
//	loadgen hold -endpoint URL -watchers N -leases M
//	loadgen users -endpoint URL -from A -to B -permissions N
//	loadgen auth -endpoint URL [-on]
//	loadgen first -endpoint URL -- program arguments...
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
)

// How much garbage there may be beside what lives, four times the usual, as long as that is not very
// much: the less processor time the client takes, the more the figures are the server's.
const gcPercent, gcBytes = 400, 1 << 30

func main() {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(gcBytes)
	commands := map[string]func([]string) (any, error){
		"load":    load,
		"crowd":   crowd,
		"fill":    fill,
		"grow":    grow,
		"compact": compact,
		"fanout":  fanout,
		"hold":    hold,
		"users":   users,
		"auth":    auth,
		"first":   first,
		"posts":   posts,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: loadgen load|crowd|fill|grow|compact|fanout|hold|users|auth|first|posts [flags]")
		os.Exit(2)
	}
	result, err := commands[os.Args[1]](os.Args[2:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "loadgen %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
