package record

import (
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/record/recordv1"
)

// EncodeStaffProfile makes the bytes of a staff member's profile: all but the id and what they are doing
// now, which are columns. It fails for text that is not UTF-8.
func EncodeStaffProfile(s store.Staff) ([]byte, error) {
	return marshal(&recordv1.StaffProfile{
		DisplayName: s.DisplayName,
		Roles:       roleNames(s.Roles),
		QueueIds:    s.QueueIDs,
		Languages:   s.Languages,
		Capacity:    int32(s.Capacity),
	})
}

// DecodeStaffProfile reads a profile into a staff member, and leaves the rest as it is.
func DecodeStaffProfile(data []byte, s *store.Staff) error {
	var m recordv1.StaffProfile
	if err := unmarshal(data, &m); err != nil {
		return err
	}
	s.DisplayName = m.GetDisplayName()
	s.Roles = roles(m.GetRoles())
	s.QueueIDs = m.GetQueueIds()
	s.Languages = m.GetLanguages()
	s.Capacity = int(m.GetCapacity())
	return nil
}

// EncodeStaffToken makes the bytes of a staff token: all but its id, hash and owner, which are columns. It
// fails for text that is not UTF-8.
func EncodeStaffToken(t store.StaffToken) ([]byte, error) {
	return marshal(&recordv1.StaffToken{
		Label:      t.Label,
		Roles:      roleNames(t.Roles),
		CreateTime: Micros(t.CreateTime),
		ExpireTime: Micros(t.ExpireTime),
		RevokeTime: Micros(t.RevokeTime),
	})
}

// DecodeStaffToken reads a staff token's bytes into it, and leaves the rest as it is.
func DecodeStaffToken(data []byte, t *store.StaffToken) error {
	var m recordv1.StaffToken
	if err := unmarshal(data, &m); err != nil {
		return err
	}
	t.Label = m.GetLabel()
	t.Roles = roles(m.GetRoles())
	t.CreateTime = Time(m.GetCreateTime())
	t.ExpireTime = Time(m.GetExpireTime())
	t.RevokeTime = Time(m.GetRevokeTime())
	return nil
}

func roleNames(roles []store.Role) []string {
	if len(roles) == 0 {
		return nil
	}
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return names
}

func roles(names []string) []store.Role {
	if len(names) == 0 {
		return nil
	}
	roles := make([]store.Role, len(names))
	for i, n := range names {
		roles[i] = store.Role(n)
	}
	return roles
}
