// Prints the Kubernetes structures that a pod can contain, as JSON, by reflection over the Go types themselves.
//
// Reflection tells what OpenAPI does not: the width of integers, which fields are pointers, which structs are embedded,
// and which fields are left out when they are empty. Decoding and encoding as Go does needs all four.
// Run by tools/generate_kubernetes_schema.py; the form of the output is described there.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var scalars = map[reflect.Type]string{
	reflect.TypeOf(resource.Quantity{}):  "quantity",
	reflect.TypeOf(intstr.IntOrString{}): "int-or-string",
	reflect.TypeOf(metav1.Time{}):        "time",
	reflect.TypeOf(metav1.FieldsV1{}):    "any",
	reflect.TypeOf([]byte{}):             "bytes",
}

type field struct{ key, kind string }
type schema struct {
	order []string
	types map[string][]field
	seen  map[string]reflect.Type
}

func (s *schema) kind(t reflect.Type) string {
	if name, ok := scalars[t]; ok {
		return name
	}
	switch t.Kind() {
	case reflect.String:
		if t.PkgPath() != "" {
			return "name"
		}
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int64:
		return "int64"
	case reflect.Int32:
		return "int32"
	case reflect.Pointer:
		return "*" + s.kind(t.Elem())
	case reflect.Slice:
		return "[]" + s.kind(t.Elem())
	case reflect.Map:
		return "{}" + s.kind(t.Elem())
	case reflect.Struct:
		s.add(t)
		return t.Name()
	}
	panic(fmt.Sprintf("no notation for %v", t))
}

func (s *schema) add(t reflect.Type) {
	if known, ok := s.seen[t.Name()]; ok {
		if known != t {
			panic(fmt.Sprintf("two types are named %s", t.Name()))
		}
		return
	}
	s.seen[t.Name()] = t
	s.order = append(s.order, t.Name())
	var fields []field
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		parts := strings.Split(f.Tag.Get("json"), ",")
		kind := s.kind(f.Type)
		switch {
		case f.Anonymous && parts[0] == "":
			fields = append(fields, field{f.Name, "inline " + kind})
		case parts[0] == "-" || parts[0] == "":
			panic(fmt.Sprintf("%s.%s has no JSON name", t.Name(), f.Name))
		default:
			for _, option := range parts[1:] {
				if option == "omitempty" || option == "omitzero" {
					kind += "?"
					break
				}
			}
			fields = append(fields, field{parts[0], kind})
		}
	}
	s.types[t.Name()] = fields
}

func main() {
	s := &schema{types: map[string][]field{}, seen: map[string]reflect.Type{}}
	s.add(reflect.TypeOf(corev1.PodTemplate{}))
	s.add(reflect.TypeOf(corev1.PodStatus{}))
	types := map[string]json.RawMessage{}
	for _, name := range s.order {
		var pairs []string
		for _, f := range s.types[name] {
			key, _ := json.Marshal(f.key)
			kind, _ := json.Marshal(f.kind)
			pairs = append(pairs, fmt.Sprintf("%s:%s", key, kind))
		}
		types[name] = json.RawMessage("{" + strings.Join(pairs, ",") + "}")
	}
	source := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "k8s.io/api" {
				source = module.Path + " " + module.Version
			}
		}
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(map[string]any{"source": source, "types": types}); err != nil {
		panic(err)
	}
}
