// Reads a compose file as Docker Compose does: with the specification's own reader, which checks it against the
// schema, fills in the variables of .env, merges, and resolves what depends on what. Prints the project as JSON.
//
//	compose FILE PROFILE...
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	text, err := read(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(text))
}

func read(file string, profiles []string) ([]byte, error) {
	options, err := cli.NewProjectOptions([]string{file},
		cli.WithEnvFiles(),
		cli.WithDotEnv,
		cli.WithDefaultProfiles(profiles...),
	)
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return project.MarshalJSON()
}
