package main

import (
	"fmt"
	"strings"
)

// value is what every put writes: 100 bytes, the size that the memory bar is stated for.
var value = strings.Repeat("0123456789", 10)

// key names the i-th key: 32 bytes, so that byte order is number order.
func key(i int) string { return fmt.Sprintf("bench/%026d", i) }
