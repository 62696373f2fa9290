package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

var pictures = flag.String("screenshots", "", "write pictures of the desk into this `FOLDER`")

// customer is somebody who chats by the SDK.
type customer struct {
	t            *testing.T
	conversation *kupla.Conversation
}

// comes lets somebody wait in the queue that is always open, connected until the test ends.
func comes(t *testing.T, client *kupla.Client, language, name, message string) *customer {
	t.Helper()
	conversation, err := client.Start(t.Context(), kupla.StartOptions{
		QueueID: "emergency-help", Language: language, DisplayName: name, Message: message,
	})
	if err != nil {
		t.Fatalf("%s starts: %v", name, err)
	}
	there := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		first := true
		for update, err := range conversation.Follow(t.Context(), kupla.FollowOptions{}) {
			if err != nil {
				return
			}
			if first && update.Snapshot != nil {
				first = false
				close(there)
			}
		}
	}()
	t.Cleanup(func() { <-done })
	select {
	case <-there:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s cannot follow", name)
	}
	return &customer{t, conversation}
}

func (c *customer) says(text string) {
	c.t.Helper()
	if _, err := c.conversation.Send(c.t.Context(), text); err != nil {
		c.t.Fatalf("a customer says %q: %v", text, err)
	}
}

// reads tells that the customer has read everything there is.
func (c *customer) reads() {
	c.t.Helper()
	snapshot, err := c.conversation.Get(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.conversation.MarkRead(c.t.Context(), snapshot.GetConversation().GetLastSequence()); err != nil {
		c.t.Fatal(err)
	}
}

// hears waits until the log has a message with the text.
func (c *customer) hears(text string) {
	c.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		for event, err := range c.conversation.Events(c.t.Context()) {
			if err != nil {
				c.t.Fatal(err)
			}
			if event.GetMessagePosted().GetText() == text {
				return
			}
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("nobody says %q", text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A professional's work on the whole screen, in a real terminal: taking, talking with line breaks, unread
// messages elsewhere, a server that is killed, a note, the close, another size and language, and quitting.
func TestScreen(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	token := s.token("nurse", "--role", "professional", "--queue", "emergency-help", "--language", "en", "--language", "fi")
	client := kupla.New(s.url())
	defer client.Close()
	first := comes(t, client, "en", "Testi One", "A tick bit me")

	nurse := sit(t, 100, 30, []string{"KUPLA_TOKEN=" + token}, "desk", "--server", s.url(), "--language", "en")
	nurse.sees("away", "Waiting", "1 · < 1 min", "Waiting in your queues: 1.", "F1 help", "F3 take next")
	nurse.press(keyF2, keyEnter)
	nurse.sees("You are now: available.")
	nurse.press(keyF3)
	nurse.sees("1 Testi One ● here", "A tick bit me", "Write to Testi One…")
	nurse.press("Hello,", keyAltEnter, "when did it bite?", keyEnter)
	first.hears("Hello,\nwhen did it bite?")
	nurse.sees("You", "Hello,", "when did it bite?", "✓")
	first.reads()
	nurse.sees("when did it bite?", "✓✓")

	second := comes(t, client, "fi", "Testi Two", "Särkee")
	nurse.sees("Somebody new is waiting")
	nurse.press(keyF4)
	nurse.sees("Whom to take", "in Finnish")
	nurse.press(keyEnter)
	nurse.sees("2 Testi Two ● here", "Särkee")
	first.says("Yesterday")
	nurse.sees("1 ● Testi One", "(1)", "Testi: Yesterday")
	nurse.press(keyAlt1)
	nurse.sees("1 Testi One ● here", "Yesterday")
	nurse.misses("(1)")

	s.kill()
	nurse.sees("Connection lost")
	nurse.press("Still there?", keyEnter)
	nurse.sees("sending…", "Still there?")
	s.start()
	first.hears("Still there?")
	nurse.misses("sending…")
	nurse.misses("Connection lost")

	nurse.press("Code not needed", keyEnter)
	first.hears("Code not needed")

	nurse.press(keyF7)
	nurse.sees("seen by staff only", "There are no notes.")
	nurse.press("Asked about a tick", keyEnter)
	nurse.sees("The note was kept.")
	nurse.resize(60, 16)
	nurse.sees("Waiting 0", "▌1 Testi", "Code not needed", "F1 help")
	nurse.press(keyCtrlL)
	nurse.sees("Odottavat 0", "Code not needed", "F1 ohje")
	nurse.resize(100, 30)
	nurse.press(keyF8)
	nurse.sees("Miksi keskustelu päättyy: Testi One?")
	nurse.press(keyEnter, keyEnter)
	nurse.sees("1/3", "1 ○ Testi One", "päättynyt", "Päättynyt: asia on hoidettu.")
	if snapshot, err := first.conversation.Get(t.Context()); err != nil || snapshot.GetConversation().GetCloseReason() != kuplav1.CloseReason_CLOSE_REASON_COMPLETED {
		t.Errorf("closed for %v, %v", snapshot.GetConversation().GetCloseReason(), err)
	}
	nurse.press(keyCtrlX)
	nurse.misses("Testi One")
	nurse.sees("2 Testi Two ● paikalla")
	second.says("Kiitos")
	nurse.sees("Kiitos")
	nurse.press(keyF10)
	nurse.sees("Sinulla on vielä keskusteluja: 1.")
	nurse.press(keyEnter)
	nurse.exits()
	nurse.sees("Sinulla on vielä keskusteluja.") // said once more below the screen
}

// The pictures in the documentation are of the program as it is, in a terminal and against a server. The scene
// is played with every run; -screenshots FOLDER writes what it looks like.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	queues := []string{"--queue", "emergency-help", "--queue", "oral-health", "--queue", "child-health-clinic", "--language", "fi", "--language", "sv", "--language", "en"}
	token := s.token("kaisa", append(queues, "--name", "Sairaanhoitaja Kaisa Kuvitteellinen", "--role", "professional")...)
	colleague := kupla.New(s.url(), kupla.WithStaffToken(s.token("veikko", append(queues, "--name", "Lääkäri Veikko Esimerkki", "--role", "professional")...)))
	defer colleague.Close()
	if _, err := colleague.Desk().SetAvailability(t.Context(), kuplav1.Availability_AVAILABILITY_AVAILABLE); err != nil {
		t.Fatal(err)
	}
	client := kupla.New(s.url())
	defer client.Close()
	draw := func(seat *seat, name string) {
		t.Helper()
		if *pictures == "" {
			return
		}
		picture := seat.display.picture("kupla desk")
		if err := os.WriteFile(filepath.Join(*pictures, name+".svg"), []byte(picture), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	matti := comes(t, client, "fi", "Matti Malli",
		"Hei, punkki puri jalkaan eilen illalla mökillä. Nyt siinä on punainen rengas. Pitääkö lähteä päivystykseen?")
	kaisa := sit(t, 110, 28, []string{"KUPLA_TOKEN=" + token}, "desk", "--server", s.url(), "--language", "en")
	kaisa.sees("F2 tells that you take conversations.")
	kaisa.press(keyF2, keyEnter)
	kaisa.sees("● available", "F3 takes the next one.")
	kaisa.press(keyF3)
	kaisa.sees("1 Matti Malli ● here")
	kaisa.press("Hei Matti! Olen sairaanhoitaja Kaisa.", keyAltEnter, "Kuinka suuri rengas on, ja onko sinulla kuumetta?", keyEnter)
	kaisa.sees("✓")
	matti.reads()
	matti.says("Noin viisi senttiä, eikä kuumetta. Vähän kutiaa 🙂")
	kaisa.sees("Vähän kutiaa")

	liisa := comes(t, client, "sv", "Liisa Esimerkki", "Min son har feber sedan i går, 38,9. Han dricker bra.")
	kaisa.sees("Somebody new is waiting")
	kaisa.press(keyF3)
	kaisa.sees("2 Liisa Esimerkki ● here")
	kaisa.press("Hej Liisa! Hur gammal är han?", keyEnter)
	kaisa.sees("Hej Liisa!", "✓")
	kaisa.press(keyAlt1)
	kaisa.sees("1 Matti Malli ● here")
	liisa.says("Han är fyra år.")
	kaisa.sees("(1)", "Liisa: Han är fyra år.")
	kaisa.press("Hyvä, että kuumetta ei ole. Rengas, joka kasvaa, kannattaa näyttää", keyAltEnter, "lääkärille jo")
	for _, name := range []string{"Eero Esimerkki", "Sanna Sovittu"} {
		comes(t, client, "fi", name, "Hei")
	}
	kaisa.sees("2 · ")
	if err := liisa.conversation.SetTyping(t.Context()); err != nil {
		t.Fatal(err)
	}
	kaisa.sees("Liisa Esimerkki is typing…", "Matti Malli", "✓✓", "lääkärille jo")
	draw(kaisa, "desk")

	kaisa.press(keyF6)
	kaisa.sees("Where to hand on Matti Malli", "Lääkäri Veikko Esimerkki  available")
	draw(kaisa, "desk-transfer")
	kaisa.press(keyEsc)
	kaisa.misses("Where to hand on")

	kaisa.resize(60, 18)
	kaisa.press(keyCtrlL)
	kaisa.sees("vapaana", "Odottavat 2", "F1 ohje")
	draw(kaisa, "desk-narrow")
}
