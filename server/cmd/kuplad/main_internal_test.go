package main

import (
	"os"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/store/postgres/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
