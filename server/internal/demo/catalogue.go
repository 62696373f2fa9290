package demo

import (
	_ "embed" // The catalogue.
	"fmt"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
)

//go:embed catalogue.yaml
var catalogueYAML []byte

// Catalogue is the catalogue of the demonstration. It is read anew each time, so the caller may change it. The error
// is that of a file that cannot be read, which a test rules out.
func Catalogue() (*kuplav1.Catalogue, error) {
	m, err := catalogue.ParseYAML(catalogueYAML)
	if err != nil {
		return nil, fmt.Errorf("the demonstration's catalogue: %w", err)
	}
	return m, nil
}
