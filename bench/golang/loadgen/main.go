// Command loadgen drives one etcd endpoint with the official client and prints what it saw as
// one JSON object. It knows nothing of which server answers; comparing is the caller's work.
//
//	loadgen load  -endpoint URL -op put|get|get-rev|range|txn|grant|keepalive [-workers N ...]
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
)

func main() {
	commands := map[string]func([]string) (any, error){
		"load":    load,
		"fill":    fill,
		"grow":    grow,
		"compact": compact,
		"fanout":  fanout,
		"hold":    hold,
		"users":   users,
		"auth":    auth,
		"first":   first,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: loadgen load|fill|grow|compact|fanout|hold|users|auth|first [flags]")
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
