// Command exported prints every name that the packages of Go's clientv3 export, a line each:
// "clientv3 Client.Put", "concurrency NewMutex". Fields of structs and methods of interfaces count;
// what a type takes over from another one does not.
//
//	go run exported.go MODULE_DIRECTORY
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

func main() {
	root := os.Args[1]
	var lines []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if entry.Name() == "internal" || entry.Name() == "testdata" {
			return filepath.SkipDir
		}
		found, err := exported(path)
		lines = append(lines, found...)
		return err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sort.Strings(lines)
	fmt.Println(strings.Join(lines, "\n"))
}

func exported(directory string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return nil, err
		}
		for _, name := range namesIn(file) {
			lines = append(lines, file.Name.Name+" "+name)
		}
	}
	return lines, nil
}

func namesIn(file *ast.File) []string {
	var names []string
	for _, declaration := range file.Decls {
		switch declared := declaration.(type) {
		case *ast.FuncDecl:
			names = append(names, nameOf(declared)...)
		case *ast.GenDecl:
			for _, spec := range declared.Specs {
				names = append(names, namesOf(spec)...)
			}
		}
	}
	return names
}

func nameOf(function *ast.FuncDecl) []string {
	if !function.Name.IsExported() {
		return nil
	}
	if function.Recv == nil {
		return []string{function.Name.Name}
	}
	receiver := function.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	name, ok := receiver.(*ast.Ident)
	if !ok || !name.IsExported() {
		return nil
	}
	return []string{name.Name + "." + function.Name.Name}
}

func namesOf(spec ast.Spec) []string {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		return exportedOf("", spec.Names)
	case *ast.TypeSpec:
		if !spec.Name.IsExported() {
			return nil
		}
		return append([]string{spec.Name.Name}, membersOf(spec)...)
	}
	return nil
}

func membersOf(spec *ast.TypeSpec) []string {
	var fields *ast.FieldList
	switch kind := spec.Type.(type) {
	case *ast.StructType:
		fields = kind.Fields
	case *ast.InterfaceType:
		fields = kind.Methods
	default:
		return nil
	}
	var names []string
	for _, field := range fields.List {
		names = append(names, exportedOf(spec.Name.Name+".", field.Names)...)
	}
	return names
}

func exportedOf(prefix string, identifiers []*ast.Ident) []string {
	var names []string
	for _, identifier := range identifiers {
		if identifier.IsExported() {
			names = append(names, prefix+identifier.Name)
		}
	}
	return names
}
