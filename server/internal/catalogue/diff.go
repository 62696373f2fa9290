package catalogue

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// Diff tells what changes when one catalogue is replaced by another; nothing exactly when they are the same. Nil
// is an empty catalogue. What is output only is left aside.
//
// The paths are those of fields, such as "default_notice", and of members by their id, such as
// "queues/oral-health". A list whose members stand in another order is changed itself: "queues". The changes
// come in the order of the fields; within a list first what is added or changed, as in the new one, then what
// is removed, as in the old one.
func Diff(before, after *kuplav1.Catalogue) []*kuplav1.CatalogueChange {
	d := &differ{}
	old, now := normal(before).ProtoReflect(), normal(after).ProtoReflect()
	fields := now.Descriptor().Fields()
	// By descriptor, so that a field that the contract gains is not forgotten here.
	for i := range fields.Len() {
		if fd := fields.Get(i); fd.IsList() {
			d.list(fd, old.Get(fd).List(), now.Get(fd).List())
		} else {
			d.single(fd, old, now)
		}
	}
	return d.changes
}

type differ struct {
	changes []*kuplav1.CatalogueChange
}

const (
	added   = kuplav1.CatalogueChangeKind_CATALOGUE_CHANGE_KIND_ADDED
	changed = kuplav1.CatalogueChangeKind_CATALOGUE_CHANGE_KIND_CHANGED
	removed = kuplav1.CatalogueChangeKind_CATALOGUE_CHANGE_KIND_REMOVED
)

func (d *differ) add(kind kuplav1.CatalogueChangeKind, path string) {
	d.changes = append(d.changes, &kuplav1.CatalogueChange{Kind: kind, Path: path})
}

// single compares a field that is not a list.
func (d *differ) single(fd protoreflect.FieldDescriptor, old, now protoreflect.Message) {
	name := string(fd.Name())
	switch had, has := old.Has(fd), now.Has(fd); {
	case !had && has:
		d.add(added, name)
	case had && !has:
		d.add(removed, name)
	case had && !old.Get(fd).Equal(now.Get(fd)):
		d.add(changed, name)
	}
}

// list compares a list of members that have ids.
func (d *differ) list(fd protoreflect.FieldDescriptor, old, now protoreflect.List) {
	name := string(fd.Name())
	oldIDs, oldByID := members(fd, old)
	nowIDs, nowByID := members(fd, now)
	for _, id := range nowIDs {
		switch before, found := oldByID[id]; {
		case !found:
			d.add(added, name+"/"+id)
		case !proto.Equal(before, nowByID[id]):
			d.add(changed, name+"/"+id)
		}
	}
	for _, id := range oldIDs {
		if _, found := nowByID[id]; !found {
			d.add(removed, name+"/"+id)
		}
	}
	oldIDs = slices.DeleteFunc(oldIDs, func(id string) bool { _, found := nowByID[id]; return !found })
	nowIDs = slices.DeleteFunc(nowIDs, func(id string) bool { _, found := oldByID[id]; return !found })
	if !slices.Equal(oldIDs, nowIDs) {
		d.add(changed, name)
	}
}

// members are those of a list by id, and the ids in the order of the list.
func members(fd protoreflect.FieldDescriptor, list protoreflect.List) ([]string, map[string]proto.Message) {
	id := fd.Message().Fields().ByName("id")
	var ids []string
	byID := make(map[string]proto.Message, list.Len())
	for i := range list.Len() {
		m := list.Get(i).Message()
		ids = append(ids, m.Get(id).String())
		byID[m.Get(id).String()] = m.Interface()
	}
	return ids, byID
}
