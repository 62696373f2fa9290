package sqlite

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/store"
)

func BenchmarkBare(b *testing.B) {
	for _, n := range []int{1, 32, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ctx := context.Background()
			s, err := Open(ctx, filepath.Join(b.TempDir(), "x.db"), store.Options{})
			if err != nil {
				b.Fatal(err)
			}
			e := s.engine
			data := make([]byte, 100)
			for i := range 2 * n {
				if _, err := e.exec(ctx, insertConversation, fmt.Sprint(i), int64(1), "q", int64(1), int64(i), int64(1), data); err != nil {
					b.Fatal(err)
				}
			}
			payload := make([]byte, 215)
			b.ResetTimer()
			k := 0
			version := make([]int64, 2*n)
			for done := 0; done < b.N; done += n {
				e.exec(ctx, begin)
				for range n {
					c := k % (2 * n)
					k++
					version[c]++
					var key [16]byte
					rand.Read(key[:])
					if _, err := e.exec(ctx, updateConversation, version[c]+1, version[c], data, int64(c+1), version[c]); err != nil {
						b.Fatal(err)
					}
					if _, err := e.exec(ctx, insertEvent, int64(c+1), version[c], time.Now().UnixMicro(), key[:], key[:8], payload); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := e.exec(ctx, commit); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
		})
	}
}
