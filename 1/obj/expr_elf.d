1/obj/expr_elf.o: tracer/expr_elf.c tracer/expr_elf.h
tracer/expr_elf.h:
