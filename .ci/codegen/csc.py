"""The C# compiler Roslyn with the arguments of csc: it is packaged as a library, loaded here into the .NET runtime beside it.

usage: csc.py ARGUMENTS-OF-CSC
"""
import json, os, pathlib, sys, tempfile

here = pathlib.Path(__file__).resolve().parent
from clr_loader import get_coreclr
from pythonnet import set_runtime

root = here / "runtime"
version = next((root / "shared/Microsoft.NETCore.App").iterdir()).name
config = {"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": version},
                             "configProperties": {"System.Globalization.Invariant": True}}}
with tempfile.NamedTemporaryFile("w", suffix=".runtimeconfig.json") as file:
    json.dump(config, file)
    file.flush()
    set_runtime(get_coreclr(runtime_config=file.name, dotnet_root=str(root)))
    import clr

for name in ("Microsoft.CodeAnalysis", "Microsoft.CodeAnalysis.CSharp"):
    clr.AddReference(str(here / "roslyn" / (name + ".dll")))
from Microsoft.CodeAnalysis import DiagnosticSeverity, MetadataReference, SyntaxTree
from Microsoft.CodeAnalysis.CSharp import CSharpCommandLineParser, CSharpCompilation, CSharpSyntaxTree
from Microsoft.CodeAnalysis.Text import SourceText
from System import Array, String
from System.Collections.Generic import List
from System.IO import File, MemoryStream

parsed = CSharpCommandLineParser.Default.Parse(Array[String](sys.argv[1:]), os.getcwd(), None)
if parsed.DisplayVersion:
    print(clr.GetClrType(CSharpCompilation).Assembly.GetName().Version)
    sys.exit(0)
failed = False
for one in parsed.Errors:
    print(one.ToString())
    failed |= one.Severity == DiagnosticSeverity.Error
if failed:
    sys.exit(1)
trees = List[SyntaxTree]()
for file in parsed.SourceFiles:
    trees.Add(CSharpSyntaxTree.ParseText(SourceText.From(File.ReadAllText(file.Path)), parsed.ParseOptions, file.Path))
references = List[MetadataReference]()
for one in parsed.MetadataReferences:
    references.Add(MetadataReference.CreateFromFile(one.Reference))
name = os.path.splitext(parsed.OutputFileName)[0]
compilation = CSharpCompilation.Create(name, trees, references, parsed.CompilationOptions)
assembly = MemoryStream()
result = compilation.Emit(assembly)
for one in result.Diagnostics:
    if int(one.Severity) >= int(DiagnosticSeverity.Warning):
        print(one.ToString())
if not result.Success:
    sys.exit(1)
pathlib.Path(parsed.OutputDirectory, parsed.OutputFileName).write_bytes(bytes(assembly.ToArray()))
