package demo

import "github.com/kupla-chat/kupla/server/internal/store"

// People are the staff of the demonstration. None of them exists: their surnames say that they are made up, sample
// or pretended. Every language that a queue serves is spoken by somebody who answers it, so that nobody who
// tries the demonstration waits in vain.
func People() []store.Staff {
	professional := []store.Role{store.RoleProfessional}
	all := []string{"fi", "sv", "en"}
	return []store.Staff{
		{
			ID: "demo-kaisa", DisplayName: "Sairaanhoitaja Kaisa Kuvitteellinen", Roles: professional,
			QueueIDs: []string{"emergency-help"}, Languages: all, Capacity: 3,
		},
		{
			// Speaks Finnish only: with a Swedish speaker first in line, take next gives him the one behind.
			ID: "demo-tauno", DisplayName: "Sairaanhoitaja Tauno Testinen", Roles: professional,
			QueueIDs: []string{"emergency-help"}, Languages: []string{"fi"}, Capacity: 3,
		},
		{
			ID: "demo-sanna", DisplayName: "Suuhygienisti Sanna Satuhahmo", Roles: professional,
			QueueIDs: []string{"oral-health"}, Languages: all, Capacity: 3,
		},
		{
			ID: "demo-nelli", DisplayName: "Terveydenhoitaja Nelli Näytekuva", Roles: professional,
			QueueIDs: []string{"child-health-clinic"}, Languages: all, Capacity: 3,
		},
		{
			ID: "demo-milla", DisplayName: "Psykiatrinen sairaanhoitaja Milla Mallihenkilö", Roles: professional,
			QueueIDs: []string{"mental-health"}, Languages: all, Capacity: 2,
		},
		{
			ID: "demo-teuvo", DisplayName: "Fysioterapeutti Teuvo Tekaistu", Roles: professional,
			QueueIDs: []string{"physiotherapy"}, Languages: []string{"fi", "en"}, Capacity: 3,
		},
		{
			ID: "demo-olli", DisplayName: "Terveydenhoitaja Olli Olematon", Roles: professional,
			QueueIDs: []string{"student-health"}, Languages: all, Capacity: 3,
		},
		{
			ID: "demo-siiri", DisplayName: "Sosiaaliohjaaja Siiri Sepitetty", Roles: professional,
			QueueIDs: []string{"social-guidance", "health-social-work"}, Languages: all, Capacity: 3,
		},
		{
			ID: "demo-eeva", DisplayName: "Esihenkilö Eeva Esimerkki", Roles: []store.Role{store.RoleSupervisor},
			QueueIDs: []string{
				"oral-health", "child-health-clinic", "mental-health", "emergency-help", "physiotherapy",
				"health-social-work", "student-health", "social-guidance",
			},
			Languages: []string{"fi", "sv"},
		},
		{
			ID: "demo-aatu", DisplayName: "Pääkäyttäjä Aatu Aavemainen", Roles: []store.Role{store.RoleAdmin},
			Languages: []string{"fi"},
		},
	}
}
