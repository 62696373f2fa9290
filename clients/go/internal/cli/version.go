package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildInfo tells which program this is.
type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Modified bool   `json:"modified"` // whether it was built from files that are not in the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`

	time string // of the revision, as RFC 3339 has it
}

// thisBuild returns what the build wrote into the program.
func thisBuild() buildInfo {
	build := buildInfo{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build
	}
	if info.Main.Version != "" {
		build.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			build.Revision = setting.Value
		case "vcs.modified":
			build.Modified = setting.Value == "true"
		case "vcs.time":
			build.time = setting.Value
		}
	}
	return build
}

func (a *app) versionCommand() *cobra.Command {
	return a.leaf("version", a.texts.VersionShort, "", func(*cobra.Command, []string) error {
		build := thisBuild()
		if a.inJSON() {
			return a.printValue(build, nil)
		}
		revision := ""
		if build.Revision != "" {
			revision = " " + build.Revision
		}
		if build.Modified {
			revision += "+"
		}
		_, err := fmt.Fprintf(a.stdout, "kupla %s%s %s %s\n", build.Version, revision, build.Go, build.Platform)
		return err
	})
}
