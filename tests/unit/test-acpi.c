/* SPDX-License-Identifier: MIT */
/* ACPI tables: what they say, and that a damaged one says nothing. */
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include <asm/firmware.h>

CU_ErrorCode test_acpi_register(void);

static u8 t[512];
static struct acpi_info a;

static void put16(u32 at, u16 v)
{
	memcpy(t + at, &v, 2);
}

static void put32(u32 at, u32 v)
{
	memcpy(t + at, &v, 4);
}

static void put64(u32 at, u64 v)
{
	memcpy(t + at, &v, 8);
}

static void begin(void)
{
	memset(t, 0, sizeof(t));
	memset(&a, 0, sizeof(a));
}

/* Sets the length and makes the bytes add up to zero. */
static void finish(u32 size)
{
	u8 sum = 0;
	u32 i;

	put32(4, size);
	t[9] = 0;
	for (i = 0; i < size; i++)
		sum += t[i];
	t[9] = -sum;
}

static void sums_and_lengths_are_checked(void)
{
	begin();
	memcpy(t, "APIC", 4);
	finish(60);
	CU_ASSERT_TRUE(acpi_table_ok(t, sizeof(t)));
	CU_ASSERT_TRUE(acpi_table_ok(t, 60));
	CU_ASSERT_FALSE(acpi_table_ok(t, 59));
	t[50] ^= 1;
	CU_ASSERT_FALSE(acpi_table_ok(t, sizeof(t)));
	finish(20);
	CU_ASSERT_FALSE(acpi_table_ok(t, sizeof(t)));
}

static void the_root_pointer_is_read(void)
{
	u64 rsdt, xsdt;
	u8 sum = 0;
	unsigned i;

	begin();
	memcpy(t, "RSD PTR ", 8);
	put32(16, 0x7ffe0000);
	for (i = 0; i < 20; i++)
		sum += t[i];
	t[8] = -sum;
	CU_ASSERT_TRUE(acpi_parse_rsdp(t, 36, &rsdt, &xsdt));
	CU_ASSERT_EQUAL(rsdt, 0x7ffe0000);
	CU_ASSERT_EQUAL(xsdt, 0);
	CU_ASSERT_FALSE(acpi_parse_rsdp(t, 19, &rsdt, &xsdt));
	t[8]++;
	CU_ASSERT_FALSE(acpi_parse_rsdp(t, 36, &rsdt, &xsdt));
}

static u32 madt_cpu(u32 at, u8 acpi_id, u8 apic_id, u32 flags)
{
	t[at] = 0;
	t[at + 1] = 8;
	t[at + 2] = acpi_id;
	t[at + 3] = apic_id;
	put32(at + 4, flags);
	return at + 8;
}

static void the_madt_lists_processors_and_lines(void)
{
	u32 at = 44;

	begin();
	put32(36, 0xfee00000);
	at = madt_cpu(at, 0, 0, 1);
	at = madt_cpu(at, 1, 2, 1);
	at = madt_cpu(at, 2, 4, 0);	/* not there */
	at = madt_cpu(at, 3, 2, 1);	/* named twice */
	t[at] = 1;
	t[at + 1] = 12;
	t[at + 2] = 7;
	put32(at + 4, 0xfec00000);
	put32(at + 8, 24);
	at += 12;
	t[at] = 2;			/* ISA 9 is gsi 9, level, high */
	t[at + 1] = 10;
	t[at + 3] = 9;
	put32(at + 4, 9);
	put16(at + 8, 0xd);
	at += 10;
	t[at] = 2;			/* ISA 0 is gsi 2 */
	t[at + 1] = 10;
	put32(at + 4, 2);
	at += 10;
	acpi_parse_madt(t, at, &a);
	CU_ASSERT_EQUAL(a.cpu_count, 2);
	CU_ASSERT_EQUAL(a.cpu[1].apic_id, 2);
	CU_ASSERT_EQUAL(a.ioapic_count, 1);
	CU_ASSERT_EQUAL(a.ioapic[0].gsi_base, 24);
	CU_ASSERT_EQUAL(a.isa[0].gsi, 2);
	CU_ASSERT_TRUE(a.isa[9].level);
	CU_ASSERT_FALSE(a.isa[9].low);
	CU_ASSERT_EQUAL(a.isa[4].gsi, 4);
}

static void a_madt_entry_may_not_leave_the_table(void)
{
	begin();
	madt_cpu(44, 0, 0, 1);
	t[45] = 9;
	acpi_parse_madt(t, 52, &a);
	CU_ASSERT_EQUAL(a.cpu_count, 0);
	t[45] = 0;
	acpi_parse_madt(t, 52, &a);
	CU_ASSERT_EQUAL(a.cpu_count, 0);
}

static void the_fadt_names_ports(void)
{
	begin();
	put16(46, 9);
	put32(56, 0x600);
	put32(64, 0x604);
	put32(76, 0x608);
	put32(112, BIT(8) | BIT(10));
	t[116] = 1;
	put64(120, 0xcf9);
	t[128] = 6;
	acpi_parse_fadt(t, 129, &a);
	CU_ASSERT_EQUAL(a.pm1a_control, 0x604);
	CU_ASSERT_EQUAL(a.pm1b_control, 0);
	CU_ASSERT_EQUAL(a.pm_timer, 0x608);
	CU_ASSERT_EQUAL(a.reset, 0xcf9);
	/* The extended address wins, when it is a port. */
	t[172] = 1;
	put64(176, 0xb004);
	acpi_parse_fadt(t, 244, &a);
	CU_ASSERT_EQUAL(a.pm1a_control, 0xb004);
	memset(&a, 0, sizeof(a));
	acpi_parse_fadt(t, 100, &a);
	CU_ASSERT_EQUAL(a.pm1a_control, 0);
}

static void the_hpet_is_found(void)
{
	begin();
	put64(44, 0xfed00000);
	acpi_parse_hpet(t, 56, &a);
	CU_ASSERT_EQUAL(a.hpet, 0xfed00000);
}

CU_ErrorCode test_acpi_register(void)
{
	CU_pSuite s = CU_add_suite("acpi", NULL, NULL);

	CU_ADD_TEST(s, sums_and_lengths_are_checked);
	CU_ADD_TEST(s, the_root_pointer_is_read);
	CU_ADD_TEST(s, the_madt_lists_processors_and_lines);
	CU_ADD_TEST(s, a_madt_entry_may_not_leave_the_table);
	CU_ADD_TEST(s, the_fadt_names_ports);
	CU_ADD_TEST(s, the_hpet_is_found);
	return CU_get_error();
}
