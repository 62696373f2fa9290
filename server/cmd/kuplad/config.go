package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check and show the configuration",
		Long: "Check and show the configuration: what is in the file, over it what is in the environment, and over both\n" +
			"the flags. docs/operating.md tells what each key is.",
	}
	c.AddCommand(configCheckCommand(), configPrintCommand())
	return c
}

// configFlags gives a command the flags that serve has, and returns how to read what they and the rest come to.
func configFlags(c *cobra.Command) func() (*layers, error) {
	var path string
	c.Flags().StringVar(&path, "config", "", "configuration file (YAML)")
	addSettingFlags(c.Flags())
	return func() (*layers, error) {
		l := readLayers(path, os.Environ(), c.Flags())
		l.check()
		err := l.err()
		return l, err
	}
}

func configCheckCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "check",
		Short: "Tell every mistake of the configuration, without starting anything",
		Long: "Tell every mistake of the configuration, without starting anything. It takes the flags of serve, and ends\n" +
			"with 2 when serve would refuse the configuration. The database is not opened.",
		Args: cobra.NoArgs,
	}
	read := configFlags(c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if _, err := read(); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), "The configuration is good.")
		return nil
	}
	return c
}

func configPrintCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "print",
		Short: "Print every setting as it is in force, and where it came from",
		Long: "Print every setting as it is in force, and where it came from: a configuration file with every key. It takes\n" +
			"the flags of serve. Secrets are not shown.",
		Args: cobra.NoArgs,
	}
	read := configFlags(c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		l, err := read()
		if err != nil {
			return err
		}
		out := yaml.NewEncoder(cmd.OutOrStdout())
		out.SetIndent(2) //nolint:mnd // As the documents write it.
		if err := out.Encode(l.document("", reflect.ValueOf(l.settings))); err != nil {
			return err
		}
		return out.Close()
	}
	return c
}

// document is a part of the settings as YAML, each key with its source.
func (l *layers) document(prefix string, part reflect.Value) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for field, value := range part.Fields() {
		name := field.Tag.Get("yaml")
		path := prefix + name
		label := &yaml.Node{Kind: yaml.ScalarNode, Value: name}
		if isPart(value.Type()) {
			node.Content = append(node.Content, label, l.document(path+".", value))
			continue
		}
		said := valueNode(value, field.Tag)
		source := l.sources[path]
		if source == "" {
			source = "default"
		}
		if said.Kind == yaml.ScalarNode || len(said.Content) == 0 {
			said.LineComment = source
		} else {
			label.LineComment = source // That of a list would come after its last element.
		}
		node.Content = append(node.Content, label, said)
	}
	return node
}

// valueNode is a value as YAML.
func valueNode(value reflect.Value, tag reflect.StructTag) *yaml.Node {
	switch {
	case value.Kind() == reflect.Slice:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		if value.Len() == 0 {
			list.Style = yaml.FlowStyle
		}
		for _, one := range value.Seq2() {
			list.Content = append(list.Content, valueNode(one, tag))
		}
		return list
	case isPart(value.Type()):
		element := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		for field, one := range value.Fields() {
			element.Content = append(element.Content,
				&yaml.Node{Kind: yaml.ScalarNode, Value: field.Tag.Get("yaml")}, valueNode(one, field.Tag))
		}
		return element
	}
	text := format(value)
	if tag.Get("secret") == "password" {
		text = withoutSecrets(text)
	}
	node := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	// What would be read as something else than text, such as nothing at all.
	if value.Kind() == reflect.String && (text == "" || strings.TrimSpace(text) != text) {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}
