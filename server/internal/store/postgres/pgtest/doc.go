// Package pgtest runs PostgreSQL for tests and measurements: whole clusters of its own, in folders that go with
// them, so that a test may stop, kill, cut off or promote one, and none that a machine already has is touched.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	func TestX(t *testing.T) {
//		dsn := pgtest.Database(t) // an empty database in the cluster that the package's tests share
//		own := pgtest.New(t, pgtest.Options{}) // a cluster that the test may do anything to
//	}
//
// Programs that are no tests use [Start] and [Cluster.Close].
//
// # What a cluster is
//
// Its server is a child of this process and ends with it, however that ends; what a killed process leaves in the
// temporary folder, the next one removes. PostgreSQL refuses to run as root: when this process is root, the server
// is the user postgres, or nobody. It listens on a socket in its own folder, which asks for no password, and on a
// loopback port, which does. It keeps its log there, too, see [Cluster.Log].
//
// It is made to be like a real one where that is hard on the server that is tested: text is ordered as in Finnish,
// not by its bytes, the time zone is not UTC, and what is committed is on the disk.
//
// The programs are those in the folder that PGTEST_BIN names; or else the newest that the system's packages brought;
// or else those on the PATH. Where there are none, [Start] says what is missing. installPostgres.sh installs them.
package pgtest
