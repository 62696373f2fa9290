// Validateproto prints buf/validate/validate.proto, the options that kupla.v1 writes its field rules
// with, to standard output.
//
// The contract imports that file, and buf has to find its source. Fetching it would take an account at a
// schema registry, and a copy in the repository could drift from the rules the server enforces. So it is
// printed from the descriptor in the very Go module that the server links, and is as old or new as that.
//
// Go code carries descriptors without their comments, so there are none in what is printed; they are in the
// documentation of protovalidate.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/v2/protoprint"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "validateproto:", err)
		os.Exit(1)
	}
}

// run prints the file to w.
func run(w io.Writer) error {
	buffered := bufio.NewWriter(w)
	if err := new(protoprint.Printer).PrintProtoFile(validate.File_buf_validate_validate_proto, buffered); err != nil {
		return fmt.Errorf("print %s: %w", validate.File_buf_validate_validate_proto.Path(), err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
